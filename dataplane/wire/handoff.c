#include "dataplane/wire/handoff.h"

#include <errno.h>
#include <string.h>
#include "dataplane/wire/codec.h"

static void put_id(struct buf *b, const struct handoff_id *m)
{
    buf_put_u64(b, m->session);
    buf_put_u8(b, m->leg);
}

static void get_id(struct buf *b, struct handoff_id *m)
{
    m->session = buf_get_u64(b);
    m->leg = codec_get_upto(b, LEG_INNER);
}

enum reason handoff_get_reason(struct buf *b)
{
    uint16_t r = buf_get_u16(b);

    if (r >= REASON_COUNT) {
        b->bad = true;
        return REASON_INTERNAL;
    }
    return (enum reason)r;
}

void handoff_put_reasons(struct buf *b, const struct handoff_reason *list, uint8_t n)
{
    if (n > HANDOFF_REASONS)
        b->bad = true;
    buf_put_u8(b, n);
    for (unsigned i = 0; i < n && buf_ok(b); i++) {
        buf_put_u16(b, (uint16_t)list[i].reason);
        buf_put_str(b, list[i].text);
    }
}

uint8_t handoff_get_reasons(struct buf *b, struct handoff_reason list[HANDOFF_REASONS])
{
    uint8_t n = codec_get_upto(b, HANDOFF_REASONS);

    for (unsigned i = 0; i < n && buf_ok(b); i++) {
        list[i].reason = handoff_get_reason(b);
        buf_get_str(b, list[i].text, sizeof list[i].text);
    }
    return n;
}

void handoff_put_open(struct buf *b, const struct handoff_open *m)
{
    put_id(b, &m->id);
    buf_put_u64(b, m->revision);
    buf_put_u16(b, m->listener);
    buf_put_u16(b, m->link);
    buf_put_str(b, m->alpn);
    codec_put_blob(b, m->records, m->n_records, HANDOFF_FEED_MAX);
}

/* A server leg begins with the hello; a client leg with nothing, and its link is known. */
static bool open_makes_sense(const struct handoff_open *m)
{
    if (m->id.leg == LEG_OUTER)
        return m->n_records > 0;
    return m->n_records == 0 && m->link != HANDOFF_LINK_ANY;
}

int handoff_get_open(struct buf *b, struct handoff_open *m)
{
    memset(m, 0, sizeof *m);
    get_id(b, &m->id);
    m->revision = buf_get_u64(b);
    m->listener = buf_get_u16(b);
    m->link = buf_get_u16(b);
    buf_get_str(b, m->alpn, sizeof m->alpn);
    m->records = buf_get_blob(b, HANDOFF_FEED_MAX, &m->n_records);
    if (!open_makes_sense(m))
        b->bad = true;
    return codec_done(b);
}

void handoff_put_feed(struct buf *b, const struct handoff_feed *m)
{
    put_id(b, &m->id);
    codec_put_blob(b, m->records, m->n_records, HANDOFF_FEED_MAX);
}

int handoff_get_feed(struct buf *b, struct handoff_feed *m)
{
    memset(m, 0, sizeof *m);
    get_id(b, &m->id);
    m->records = buf_get_blob(b, HANDOFF_FEED_MAX, &m->n_records);
    if (m->n_records == 0)
        b->bad = true;
    return codec_done(b);
}

void handoff_put_id(struct buf *b, const struct handoff_id *m)
{
    put_id(b, m);
}

int handoff_get_id(struct buf *b, struct handoff_id *m)
{
    memset(m, 0, sizeof *m);
    get_id(b, m);
    return codec_done(b);
}

void handoff_put_link(struct buf *b, const struct handoff_link *m)
{
    put_id(b, &m->id);
    buf_put_u16(b, m->link);
}

int handoff_get_link(struct buf *b, struct handoff_link *m)
{
    memset(m, 0, sizeof *m);
    get_id(b, &m->id);
    m->link = buf_get_u16(b);
    if (m->link == HANDOFF_LINK_ANY)
        b->bad = true;
    return codec_done(b);
}

void handoff_put_step(struct buf *b, const struct handoff_step *m)
{
    put_id(b, &m->id);
    codec_put_blob(b, m->send, m->n_send, HANDOFF_SEND_MAX);
}

int handoff_get_step(struct buf *b, struct handoff_step *m)
{
    memset(m, 0, sizeof *m);
    get_id(b, &m->id);
    m->send = buf_get_blob(b, HANDOFF_SEND_MAX, &m->n_send);
    return codec_done(b);
}

void handoff_put_keyed(struct buf *b, const struct handoff_keyed *m)
{
    put_id(b, &m->id);
    codec_put_blob(b, m->send, m->n_send, HANDOFF_SEND_MAX);
    buf_put_u32(b, m->consumed);
    traffic_keys_put(b, &m->rx);
    traffic_keys_put(b, &m->tx);
    negotiated_put(b, &m->negotiated);
    peer_facts_put(b, &m->facts);
    codec_put_blob(b, m->chain, m->n_chain, CHAIN_DER_MAX);
}

int handoff_get_keyed(struct buf *b, struct handoff_keyed *m)
{
    memset(m, 0, sizeof *m);
    get_id(b, &m->id);
    m->send = buf_get_blob(b, HANDOFF_SEND_MAX, &m->n_send);
    m->consumed = buf_get_u32(b);
    traffic_keys_get(b, &m->rx);
    traffic_keys_get(b, &m->tx);
    negotiated_get(b, &m->negotiated);
    peer_facts_get(b, &m->facts);
    m->chain = buf_get_blob(b, CHAIN_DER_MAX, &m->n_chain);
    if (!m->rx.suite || m->rx.suite != m->tx.suite || m->negotiated.suite != m->rx.suite->id ||
        m->consumed > HANDOFF_FEED_MAX)
        b->bad = true;
    if (!buf_done(b)) {
        traffic_keys_wipe(&m->rx);
        traffic_keys_wipe(&m->tx);
        return -EPROTO;
    }
    return 0;
}

void handoff_put_failed(struct buf *b, const struct handoff_failed *m)
{
    put_id(b, &m->id);
    codec_put_blob(b, m->send, m->n_send, HANDOFF_SEND_MAX);
    buf_put_u16(b, m->link);
    buf_put_u16(b, (uint16_t)m->reason);
    buf_put_str(b, m->text);
    buf_put_str(b, m->peer);
    handoff_put_reasons(b, m->reasons, m->n_reasons);
    codec_put_blob(b, m->chain, m->n_chain, CHAIN_DER_MAX);
}

int handoff_get_failed(struct buf *b, struct handoff_failed *m)
{
    memset(m, 0, sizeof *m);
    get_id(b, &m->id);
    m->send = buf_get_blob(b, HANDOFF_SEND_MAX, &m->n_send);
    m->link = buf_get_u16(b);
    m->reason = handoff_get_reason(b);
    buf_get_str(b, m->text, sizeof m->text);
    buf_get_str(b, m->peer, sizeof m->peer);
    m->n_reasons = handoff_get_reasons(b, m->reasons);
    m->chain = buf_get_blob(b, CHAIN_DER_MAX, &m->n_chain);
    if (m->reason == REASON_NONE)
        b->bad = true;
    return codec_done(b);
}

void handoff_put_judge(struct buf *b, const struct handoff_judge *m)
{
    buf_put_u64(b, m->token);
    buf_put_u64(b, m->revision);
    buf_put_u16(b, m->link);
    buf_put_u8(b, m->side);
    codec_put_blob(b, m->chain, m->n_chain, CHAIN_DER_MAX);
}

int handoff_get_judge(struct buf *b, struct handoff_judge *m)
{
    memset(m, 0, sizeof *m);
    m->token = buf_get_u64(b);
    m->revision = buf_get_u64(b);
    m->link = buf_get_u16(b);
    m->side = codec_get_upto(b, LEG_INNER);
    m->chain = buf_get_blob(b, CHAIN_DER_MAX, &m->n_chain);
    return codec_done(b);
}

void handoff_put_judged(struct buf *b, const struct handoff_judged *m)
{
    buf_put_u64(b, m->token);
    buf_put_u64(b, m->revision);
    buf_put_u8(b, m->allow);
    buf_put_u16(b, (uint16_t)m->reason);
    buf_put_u64(b, (uint64_t)m->until);
    buf_put_u16(b, m->rule);
    buf_put_str(b, m->text);
}

int handoff_get_judged(struct buf *b, struct handoff_judged *m)
{
    memset(m, 0, sizeof *m);
    m->token = buf_get_u64(b);
    m->revision = buf_get_u64(b);
    m->allow = codec_get_bool(b);
    m->reason = handoff_get_reason(b);
    m->until = (int64_t)buf_get_u64(b);
    m->rule = buf_get_u16(b);
    buf_get_str(b, m->text, sizeof m->text);
    if (m->allow != (m->reason == REASON_NONE))
        b->bad = true;
    return codec_done(b);
}
