#include "dataplane/wire/tokenstate.h"

#include "dataplane/wire/codec.h"

const char *const tokenstate_words[TOKENSTATES] = {
    [TOKENSTATE_AWAY] = "away",
    [TOKENSTATE_UP] = "up",
    [TOKENSTATE_REFUSED] = "pin_refused",
};

void tokenstate_put(struct buf *b, const struct tokenstate_key *m)
{
    buf_put_str(b, m->identity);
    buf_put_u8(b, m->state);
    buf_put_str(b, m->why);
}

int tokenstate_get(struct buf *b, struct tokenstate_key *m)
{
    buf_get_str(b, m->identity, sizeof m->identity);
    m->state = codec_get_upto(b, TOKENSTATES - 1);
    buf_get_str(b, m->why, sizeof m->why);
    if (!m->identity[0])
        b->bad = true;
    return codec_done(b);
}
