/* The policy codec's links: what both slices share, and the transport side for the data plane. */
#include <string.h>
#include "dataplane/wire/codec.h"
#include "dataplane/wire/facts.h"
#include "dataplane/wire/policy_codec.h"

#define SERVER_NAME_MAX (sizeof((struct negotiated *)0)->server_name - 1)
#define LINK_WIRE       9  /* bytes of the shortest link */
#define CIDR_WIRE       18 /* family, bits, 16 bytes */
#define TARGET_WIRE     4  /* no address and no text, each behind its length */

static void put_cidr(struct buf *b, const struct cidr *c)
{
    buf_put_u8(b, c->family == AF_INET6);
    buf_put_u8(b, c->bits);
    buf_put_bytes(b, c->ip, sizeof c->ip);
}

static bool host_bits_zero(const struct cidr *c)
{
    for (unsigned i = c->bits; i < 8 * sizeof c->ip; i++)
        if (c->ip[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

static void get_cidr(struct policy_reader *r, struct cidr *c)
{
    bool v6 = codec_get_bool(&r->b);

    c->family = v6 ? AF_INET6 : AF_INET;
    c->bits = codec_get_upto(&r->b, v6 ? 128 : 32);
    codec_get_array(&r->b, c->ip, sizeof c->ip);
    if (!host_bits_zero(c))
        r->b.bad = true;
}

enum { LINK_MANAGEMENT = 1, LINK_INTERNAL = 2 };

static void put_transport(struct buf *b, const struct policy_link *l)
{
    buf_put_u16(b, l->n_sources);
    for (unsigned i = 0; i < l->n_sources; i++)
        put_cidr(b, &l->sources[i]);
    buf_put_u8(
        b, (uint8_t)((l->management ? LINK_MANAGEMENT : 0) | (l->internal ? LINK_INTERNAL : 0)));
    buf_put_u16(b, l->n_targets);
    for (unsigned i = 0; i < l->n_targets; i++) {
        codec_put_addr(b, &l->targets[i].addr);
        buf_put_str(b, l->targets[i].text);
    }
    buf_put_u8(b, l->proxy);
    codec_put_addr(b, &l->source);
    buf_put_u32(b, l->health.interval_ms);
    buf_put_u32(b, l->health.timeout_ms);
    buf_put_u16(b, l->health.fall);
    buf_put_u16(b, l->health.rise);
    buf_put_u32(b, l->limits.sessions);
    buf_put_u32(b, l->limits.handshakes_per_second);
    buf_put_u32(b, l->limits.handshakes_per_source);
    buf_put_u32(b, l->limits.sessions_per_peer);
    buf_put_u32(b, l->limits.handshake_ms);
    buf_put_u32(b, l->limits.idle_ms);
    buf_put_u32(b, l->limits.life_ms);
    buf_put_u32(b, l->keepalive_s);
    buf_put_u32(b, l->user_timeout_s);
    buf_put_u32(b, l->dial_ms);
}

static void get_limits(struct policy_reader *r, struct policy_link *l)
{
    l->health.interval_ms = buf_get_u32(&r->b);
    l->health.timeout_ms = buf_get_u32(&r->b);
    l->health.fall = buf_get_u16(&r->b);
    l->health.rise = buf_get_u16(&r->b);
    l->limits.sessions = buf_get_u32(&r->b);
    l->limits.handshakes_per_second = buf_get_u32(&r->b);
    l->limits.handshakes_per_source = buf_get_u32(&r->b);
    l->limits.sessions_per_peer = buf_get_u32(&r->b);
    l->limits.handshake_ms = buf_get_u32(&r->b);
    l->limits.idle_ms = buf_get_u32(&r->b);
    l->limits.life_ms = buf_get_u32(&r->b);
    l->keepalive_s = buf_get_u32(&r->b);
    l->user_timeout_s = buf_get_u32(&r->b);
    l->dial_ms = buf_get_u32(&r->b);
}

static void get_transport(struct policy_reader *r, struct policy_link *l)
{
    uint8_t flags;

    l->n_sources = buf_get_u16(&r->b);
    l->sources = reader_take(r, l->n_sources, sizeof *l->sources, CIDR_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < l->n_sources; i++)
        get_cidr(r, &l->sources[i]);
    flags = codec_get_upto(&r->b, LINK_MANAGEMENT | LINK_INTERNAL);
    l->management = flags & LINK_MANAGEMENT;
    l->internal = flags & LINK_INTERNAL;
    if (l->management && l->internal)
        r->b.bad = true;
    l->n_targets = buf_get_u16(&r->b);
    if (l->n_targets == 0 || (l->management && l->n_targets != 1))
        r->b.bad = true;
    l->targets = reader_take(r, l->n_targets, sizeof *l->targets, TARGET_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < l->n_targets; i++) {
        codec_get_addr_optional(&r->b, &l->targets[i].addr);
        if ((l->targets[i].addr.len == 0) != l->management)
            r->b.bad = true;
        l->targets[i].text = reader_string(r);
    }
    l->proxy = codec_get_upto(&r->b, PROXY_V2_TLS);
    codec_get_addr_optional(&r->b, &l->source);
    if (l->source.len && !addr_is_ip(&l->source))
        r->b.bad = true;
    get_limits(r, l);
}

static void put_link(struct buf *b, const struct policy_link *l, uint8_t slices)
{
    buf_put_str(b, l->name);
    buf_put_u8(b, l->engine);
    buf_put_u8(b, l->accept_proxy);
    buf_put_u16(b, l->n_server_names);
    for (unsigned i = 0; i < l->n_server_names; i++)
        buf_put_str(b, l->server_names[i]);
    policy_put_tls(b, l->outer, slices);
    policy_put_tls(b, l->inner, slices);
    if (slices & POLICY_SLICE_DATAPLANE)
        put_transport(b, l);
}

/*
 * Plain on both sides is no link. What only one side can have: a listen side always shows a
 * certificate; a forward side names its server, and may pass on what the outer leg chose.
 */
static bool sides_make_sense(const struct policy_link *l, uint8_t slices)
{
    if (!l->outer && !l->inner)
        return false;
    if (l->inner && l->inner->alpn_same && !l->outer)
        return false;
    if (!l->outer)
        return true;
    return !l->outer->alpn_same && !l->outer->server_name[0] &&
           (!(slices & POLICY_SLICE_HANDSHAKE) || l->outer->n_identities > 0);
}

static void get_link(struct policy_reader *r, const struct policy *p, struct policy_link *l)
{
    reader_name(r, l->name);
    l->engine = codec_get_upto(&r->b, ENGINE_DPDK);
    l->accept_proxy = codec_get_bool(&r->b);
    l->server_names = reader_strings(r, &l->n_server_names, SERVER_NAME_MAX);
    l->outer = policy_get_tls(r, p);
    l->inner = policy_get_tls(r, p);
    if (buf_ok(&r->b) && !sides_make_sense(l, r->slices))
        r->b.bad = true;
    if (r->slices & POLICY_SLICE_DATAPLANE)
        get_transport(r, l);
}

void policy_put_links(struct buf *b, const struct policy *p, uint8_t slices)
{
    buf_put_u16(b, p->n_links);
    for (unsigned i = 0; i < p->n_links; i++)
        put_link(b, &p->links[i], slices);
}

void policy_get_links(struct policy_reader *r, struct policy *p)
{
    p->n_links = buf_get_u16(&r->b);
    if (p->n_links > POLICY_LINKS_MAX)
        r->b.bad = true;
    p->links = reader_take(r, p->n_links, sizeof *p->links, LINK_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_links; i++)
        get_link(r, p, &p->links[i]);
}
