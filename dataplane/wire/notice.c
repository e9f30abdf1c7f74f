#include "dataplane/wire/notice.h"

#include <errno.h>
#include <string.h>
#include "dataplane/wire/codec.h"

static void put_common(struct buf *b, const struct notice *m)
{
    buf_put_u64(b, (uint64_t)m->at_ms);
    buf_put_u64(b, m->session);
    buf_put_u64(b, m->revision);
    buf_put_str(b, m->link);
    buf_put_u8(b, m->side);
    buf_put_u16(b, (uint16_t)m->reason);
    buf_put_str(b, m->text);
    buf_put_str(b, m->peer);
    codec_put_addr(b, &m->source);
    codec_put_addr(b, &m->target);
}

static void get_common(struct buf *b, struct notice *m)
{
    m->at_ms = (int64_t)buf_get_u64(b);
    m->session = buf_get_u64(b);
    m->revision = buf_get_u64(b);
    buf_get_str(b, m->link, sizeof m->link);
    m->side = codec_get_upto(b, LEG_INNER);
    m->reason = handoff_get_reason(b);
    buf_get_str(b, m->text, sizeof m->text);
    buf_get_str(b, m->peer, sizeof m->peer);
    codec_get_addr_optional(b, &m->source);
    codec_get_addr_optional(b, &m->target);
}

void notice_put(struct buf *b, const struct notice *m)
{
    buf_put_u8(b, m->kind);
    if (m->kind == NOTICE_LOST) {
        buf_put_u32(b, m->count);
        return;
    }
    put_common(b, m);
    if (m->kind == NOTICE_ENDED) {
        buf_put_u64(b, m->up_bytes);
        buf_put_u64(b, m->down_bytes);
        buf_put_u64(b, m->age_ms);
    } else {
        handoff_put_reasons(b, m->reasons, m->n_reasons);
        codec_put_blob(b, m->chain, m->n_chain, CHAIN_DER_MAX);
    }
}

int notice_get(struct buf *b, struct notice *m)
{
    memset(m, 0, sizeof *m);
    m->kind = buf_get_u8(b);
    switch (m->kind) {
    case NOTICE_LOST:
        m->count = buf_get_u32(b);
        break;
    case NOTICE_ENDED:
        get_common(b, m);
        m->up_bytes = buf_get_u64(b);
        m->down_bytes = buf_get_u64(b);
        m->age_ms = buf_get_u64(b);
        break;
    case NOTICE_REFUSED:
        get_common(b, m);
        m->n_reasons = handoff_get_reasons(b, m->reasons);
        m->chain = buf_get_blob(b, CHAIN_DER_MAX, &m->n_chain);
        break;
    default:
        b->bad = true;
    }
    return buf_ok(b) ? 0 : -EPROTO;
}
