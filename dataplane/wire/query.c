#include "dataplane/wire/query.h"

#include <errno.h>
#include <string.h>
#include "dataplane/wire/codec.h"
#include "dataplane/wire/handoff.h"
#include "dataplane/wire/suite.h"

const char *leg_engine_name(uint8_t e)
{
    static const char *const names[] = {"plain", "soft", "ktls", "dpdk"};

    return e <= LEG_DPDK ? names[e] : "unknown";
}

void query_put_number(struct buf *b, uint64_t v)
{
    buf_put_u64(b, v);
}

int query_get_number(struct buf *b, uint64_t *v)
{
    *v = buf_get_u64(b);
    return codec_done(b);
}

/* Both 0 while a leg is plain or not yet keyed, else a row of the suite table. */
static void get_suite(struct buf *b, struct query_leg *l)
{
    const struct suite *suite;

    l->version = buf_get_u16(b);
    l->suite = buf_get_u16(b);
    suite = suite_by_id(l->suite);
    if ((l->suite || l->version) && (!suite || suite->version != l->version))
        b->bad = true;
}

static void put_leg(struct buf *b, const struct query_leg *l)
{
    codec_put_addr(b, &l->addr);
    buf_put_u8(b, l->engine_rx);
    buf_put_u8(b, l->engine_tx);
    buf_put_str(b, l->why);
    buf_put_u16(b, l->version);
    buf_put_u16(b, l->suite);
    buf_put_str(b, l->group);
    buf_put_str(b, l->peer);
    buf_put_bytes(b, l->chain_sha256, sizeof l->chain_sha256);
    buf_put_u32(b, l->keyupdates_rx);
    buf_put_u32(b, l->keyupdates_tx);
}

static void get_leg(struct buf *b, struct query_leg *l)
{
    codec_get_addr_optional(b, &l->addr);
    l->engine_rx = codec_get_upto(b, LEG_DPDK);
    l->engine_tx = codec_get_upto(b, LEG_DPDK);
    buf_get_str(b, l->why, sizeof l->why);
    get_suite(b, l);
    buf_get_str(b, l->group, sizeof l->group);
    buf_get_str(b, l->peer, sizeof l->peer);
    codec_get_array(b, l->chain_sha256, sizeof l->chain_sha256);
    l->keyupdates_rx = buf_get_u32(b);
    l->keyupdates_tx = buf_get_u32(b);
}

static void put_session(struct buf *b, const struct query_session *s)
{
    buf_put_u64(b, s->id);
    buf_put_str(b, s->link);
    buf_put_str(b, s->state);
    buf_put_u64(b, s->age_ms);
    buf_put_u64(b, s->idle_ms);
    buf_put_u64(b, s->up_bytes);
    buf_put_u64(b, s->down_bytes);
    put_leg(b, &s->outer);
    put_leg(b, &s->inner);
}

static void get_session(struct buf *b, struct query_session *s)
{
    s->id = buf_get_u64(b);
    buf_get_str(b, s->link, sizeof s->link);
    buf_get_str(b, s->state, sizeof s->state);
    s->age_ms = buf_get_u64(b);
    s->idle_ms = buf_get_u64(b);
    s->up_bytes = buf_get_u64(b);
    s->down_bytes = buf_get_u64(b);
    get_leg(b, &s->outer);
    get_leg(b, &s->inner);
}

void query_put_page(struct buf *b, const struct query_page *m)
{
    if (m->n_rows > QUERY_PAGE_ROWS) {
        b->bad = true;
        return;
    }
    buf_put_u64(b, m->next);
    buf_put_u16(b, m->n_rows);
    for (unsigned i = 0; i < m->n_rows; i++)
        put_session(b, &m->rows[i]);
}

int query_get_page(struct buf *b, struct query_page *m)
{
    memset(m, 0, sizeof *m);
    m->next = buf_get_u64(b);
    m->n_rows = buf_get_u16(b);
    if (m->n_rows > QUERY_PAGE_ROWS)
        return -EPROTO;
    for (unsigned i = 0; i < m->n_rows; i++)
        get_session(b, &m->rows[i]);
    return codec_done(b);
}

static void put_link(struct buf *b, const struct query_link_stats *l)
{
    buf_put_str(b, l->link);
    buf_put_u32(b, l->live);
    buf_put_u32(b, l->shaking);
    buf_put_u64(b, l->accepted);
    buf_put_u64(b, l->keyed);
    buf_put_u64(b, l->refused);
    buf_put_u64(b, l->up_bytes);
    buf_put_u64(b, l->down_bytes);
}

static void get_link(struct buf *b, struct query_link_stats *l)
{
    buf_get_str(b, l->link, sizeof l->link);
    l->live = buf_get_u32(b);
    l->shaking = buf_get_u32(b);
    l->accepted = buf_get_u64(b);
    l->keyed = buf_get_u64(b);
    l->refused = buf_get_u64(b);
    l->up_bytes = buf_get_u64(b);
    l->down_bytes = buf_get_u64(b);
}

const char *query_frames_name(unsigned what)
{
    static const char *const names[FRAMES_COUNTS] = {"received", "sent",     "missed",  "no_memory",
                                                     "bad",      "not_sent", "foreign", "bad_sum",
                                                     "refused",  "held",     "lane"};

    return what < FRAMES_COUNTS ? names[what] : "unknown";
}

static void put_port(struct buf *b, const struct query_port_stats *p)
{
    buf_put_str(b, p->name);
    for (unsigned i = 0; i < FRAMES_COUNTS; i++)
        buf_put_u64(b, p->frames[i]);
}

static void get_port(struct buf *b, struct query_port_stats *p)
{
    buf_get_str(b, p->name, sizeof p->name);
    for (unsigned i = 0; i < FRAMES_COUNTS; i++)
        p->frames[i] = buf_get_u64(b);
}

void query_put_stats(struct buf *b, const struct query_stats *m)
{
    if (m->n_links > QUERY_LINKS_MAX || m->n_ports > POLICY_PORTS_MAX) {
        b->bad = true;
        return;
    }
    buf_put_u32(b, m->first);
    buf_put_u32(b, m->total);
    buf_put_u16(b, m->n_links);
    for (unsigned i = 0; i < m->n_links; i++)
        put_link(b, &m->links[i]);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        buf_put_u64(b, m->reasons[i]);
    buf_put_u64(b, m->stale_ids);
    buf_put_u16(b, m->n_ports);
    for (unsigned i = 0; i < m->n_ports; i++)
        put_port(b, &m->ports[i]);
}

/* A page without links may begin anywhere. */
static bool links_fit(const struct query_stats *m)
{
    if (m->n_links == 0)
        return true;
    return m->n_links <= QUERY_LINKS_MAX && m->first <= m->total &&
           m->n_links <= m->total - m->first;
}

int query_get_stats(struct buf *b, struct query_stats *m)
{
    memset(m, 0, sizeof *m);
    m->first = buf_get_u32(b);
    m->total = buf_get_u32(b);
    m->n_links = buf_get_u16(b);
    if (!links_fit(m))
        return -EPROTO;
    for (unsigned i = 0; i < m->n_links; i++)
        get_link(b, &m->links[i]);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        m->reasons[i] = buf_get_u64(b);
    m->stale_ids = buf_get_u64(b);
    m->n_ports = buf_get_u16(b);
    if (m->n_ports > POLICY_PORTS_MAX)
        return -EPROTO;
    for (unsigned i = 0; i < m->n_ports; i++)
        get_port(b, &m->ports[i]);
    return codec_done(b);
}

void query_put_peers(struct buf *b, const struct query_peers *m)
{
    if (m->n > QUERY_PEERS_ROWS)
        b->bad = true;
    buf_put_u64(b, m->next);
    buf_put_u16(b, m->n);
    for (unsigned i = 0; i < m->n && buf_ok(b); i++) {
        const struct query_peer *p = &m->rows[i];

        buf_put_str(b, p->link);
        buf_put_u8(b, p->side);
        peer_facts_put(b, &p->facts);
        codec_put_blob(b, p->chain, p->n_chain, CHAIN_DER_MAX);
    }
}

int query_get_peers(struct buf *b, struct query_peers *m)
{
    memset(m, 0, sizeof *m);
    m->next = buf_get_u64(b);
    m->n = buf_get_u16(b);
    if (m->n > QUERY_PEERS_ROWS)
        return -EPROTO;
    for (unsigned i = 0; i < m->n && buf_ok(b); i++) {
        struct query_peer *p = &m->rows[i];

        buf_get_str(b, p->link, sizeof p->link);
        p->side = codec_get_upto(b, LEG_INNER);
        peer_facts_get(b, &p->facts);
        p->chain = buf_get_blob(b, CHAIN_DER_MAX, &p->n_chain);
    }
    return codec_done(b);
}

void query_put_ended(struct buf *b, int32_t error)
{
    buf_put_u32(b, (uint32_t)error);
}

int query_get_ended(struct buf *b, int32_t *error)
{
    *error = codec_get_errno(b);
    return codec_done(b);
}
