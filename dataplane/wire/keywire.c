#include "dataplane/wire/keywire.h"

#include <string.h>
#include "dataplane/wire/codec.h"

void keywire_put_sign(struct buf *b, const struct keywire_sign *m)
{
    buf_put_u32(b, m->request);
    buf_put_u64(b, m->revision);
    buf_put_u16(b, m->identity);
    buf_put_u16(b, m->scheme);
    codec_put_blob(b, m->content, m->n_content, KEYWIRE_CONTENT_MAX);
}

int keywire_get_sign(struct buf *b, struct keywire_sign *m)
{
    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    m->revision = buf_get_u64(b);
    m->identity = buf_get_u16(b);
    m->scheme = buf_get_u16(b);
    m->content = buf_get_blob(b, KEYWIRE_CONTENT_MAX, &m->n_content);
    return codec_done(b);
}

void keywire_put_signed(struct buf *b, const struct keywire_signed *m)
{
    buf_put_u32(b, m->request);
    buf_put_u32(b, (uint32_t)m->error);
    codec_put_blob(b, m->signature, m->n_signature, KEYWIRE_SIGNATURE_MAX);
}

int keywire_get_signed(struct buf *b, struct keywire_signed *m)
{
    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    m->error = codec_get_errno(b);
    m->signature = buf_get_blob(b, KEYWIRE_SIGNATURE_MAX, &m->n_signature);
    if ((m->error == 0) != (m->n_signature > 0))
        b->bad = true;
    return codec_done(b);
}
