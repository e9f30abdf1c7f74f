#include "dataplane/wire/explain.h"

#include <string.h>
#include "dataplane/wire/codec.h"

void explain_put_ask(struct buf *b, const struct explain_ask *m)
{
    buf_put_u8(b, m->trial);
    buf_put_str(b, m->link);
    buf_put_u8(b, m->side);
    buf_put_u64(b, (uint64_t)m->at_s);
    codec_put_blob(b, m->chain, m->n_chain, CHAIN_DER_MAX);
}

int explain_get_ask(struct buf *b, struct explain_ask *m)
{
    memset(m, 0, sizeof *m);
    m->trial = codec_get_bool(b);
    buf_get_str(b, m->link, sizeof m->link);
    m->side = codec_get_upto(b, LEG_INNER);
    m->at_s = (int64_t)buf_get_u64(b);
    m->chain = buf_get_blob(b, CHAIN_DER_MAX, &m->n_chain);
    return codec_done(b);
}

void explain_put_answer(struct buf *b, const struct explain_answer *m)
{
    buf_put_u64(b, m->revision);
    buf_put_u8(b, m->known);
    buf_put_u8(b, m->allow);
    buf_put_u16(b, m->rule);
    buf_put_u64(b, (uint64_t)m->until);
    buf_put_u8(b, m->n);
    for (unsigned i = 0; i < m->n; i++) {
        buf_put_u16(b, (uint16_t)m->reasons[i].reason);
        buf_put_str(b, m->reasons[i].text);
    }
}

int explain_get_answer(struct buf *b, struct explain_answer *m)
{
    memset(m, 0, sizeof *m);
    m->revision = buf_get_u64(b);
    m->known = codec_get_bool(b);
    m->allow = codec_get_bool(b);
    m->rule = buf_get_u16(b);
    m->until = (int64_t)buf_get_u64(b);
    m->n = codec_get_upto(b, EXPLAIN_REASONS);
    for (unsigned i = 0; buf_ok(b) && i < m->n; i++) {
        uint16_t reason = buf_get_u16(b);

        if (reason == REASON_NONE || reason >= REASON_COUNT)
            b->bad = true;
        m->reasons[i].reason = (enum reason)reason;
        buf_get_str(b, m->reasons[i].text, sizeof m->reasons[i].text);
    }
    /* A verdict is one thing: let in, or refused for something. */
    if (m->known ? m->allow != (m->n == 0) : m->allow || m->n)
        b->bad = true;
    return codec_done(b);
}
