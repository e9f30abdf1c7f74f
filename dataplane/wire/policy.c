#include "dataplane/wire/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/codec.h"
#include "dataplane/wire/policy_codec.h"

#define ALL_SLICES    (POLICY_SLICE_DATAPLANE | POLICY_SLICE_HANDSHAKE | POLICY_SLICE_KEYRING)
#define LISTENER_WIRE 15 /* bytes of the shortest listener: "unix:/" and one link */

static const uint8_t magic[8] = "PSPOL1\0";

static void put_listeners(struct buf *b, const struct policy *p)
{
    buf_put_u16(b, p->n_listeners);
    for (unsigned i = 0; i < p->n_listeners; i++) {
        const struct policy_listener *l = &p->listeners[i];
        codec_put_addr(b, &l->addr);
        buf_put_u8(b, l->tls);
        buf_put_u8(b, l->accept_proxy);
        buf_put_u8(b, l->floating);
        buf_put_u16(b, l->n_links);
        for (unsigned k = 0; k < l->n_links; k++)
            buf_put_u16(b, l->links[k]);
    }
}

/* A listener is what its links are: a plain one before a link with TLS would be a way around it. */
static bool link_fits(const struct policy_listener *l, const struct policy_link *link)
{
    return (link->outer != NULL) == l->tls && link->accept_proxy == l->accept_proxy &&
           (link->engine == ENGINE_DPDK) == l->dpdk;
}

static void get_listener(struct policy_reader *r, const struct policy *p, struct policy_listener *l)
{
    codec_get_addr(&r->b, &l->addr);
    l->tls = codec_get_bool(&r->b);
    l->accept_proxy = codec_get_bool(&r->b);
    l->floating = codec_get_bool(&r->b);
    l->n_links = buf_get_u16(&r->b);
    if (l->n_links == 0 || (!l->tls && l->n_links > 1))
        r->b.bad = true;
    l->links = reader_take(r, l->n_links, sizeof *l->links, sizeof *l->links);
    for (unsigned i = 0; buf_ok(&r->b) && i < l->n_links; i++) {
        l->links[i] = reader_index(r, p->n_links);
        if (buf_ok(&r->b) && i == 0) /* not on the wire: what the first link is */
            l->dpdk = p->links[l->links[0]].engine == ENGINE_DPDK;
        if (buf_ok(&r->b) && !link_fits(l, &p->links[l->links[i]]))
            r->b.bad = true;
    }
}

static void get_listeners(struct policy_reader *r, struct policy *p)
{
    p->n_listeners = buf_get_u16(&r->b);
    p->listeners = reader_take(r, p->n_listeners, sizeof *p->listeners, LISTENER_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_listeners; i++)
        get_listener(r, p, &p->listeners[i]);
}

void policy_encode(struct buf *b, const struct policy *p, uint8_t slices)
{
    buf_put_bytes(b, magic, sizeof magic);
    buf_put_u64(b, p->revision);
    buf_put_u8(b, slices);
    buf_put_u32(b, p->drain_ms);
    buf_put_u32(b, p->busy_poll_us);
    buf_put_u16(b, p->n_attachments);
    if (slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_KEYRING))
        policy_put_identities(b, p, slices);
    if (slices & POLICY_SLICE_HANDSHAKE)
        policy_put_trust(b, p);
    if (slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_DATAPLANE)) {
        policy_put_links(b, p, slices);
        put_listeners(b, p);
    }
    if (slices & POLICY_SLICE_DATAPLANE)
        policy_put_dpdk(b, p);
}

static void get_head(struct policy_reader *r, struct policy *p)
{
    const uint8_t *m = buf_get_bytes(&r->b, sizeof magic);

    if (!m || memcmp(m, magic, sizeof magic))
        r->b.bad = true;
    p->revision = buf_get_u64(&r->b);
    p->slices = codec_get_upto(&r->b, ALL_SLICES);
    p->drain_ms = buf_get_u32(&r->b);
    p->busy_poll_us = buf_get_u32(&r->b);
    p->n_attachments = buf_get_u16(&r->b);
    if (p->slices == 0 || p->busy_poll_us > POLICY_BUSY_POLL_US_MAX)
        r->b.bad = true;
    r->slices = p->slices;
}

static void get_tables(struct policy_reader *r, struct policy *p)
{
    if (p->slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_KEYRING))
        policy_get_identities(r, p);
    if (p->slices & POLICY_SLICE_HANDSHAKE)
        policy_get_trust(r, p);
    if (p->slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_DATAPLANE)) {
        policy_get_links(r, p);
        get_listeners(r, p);
    }
    if (p->slices & POLICY_SLICE_DATAPLANE)
        policy_get_dpdk(r, p);
}

int policy_decode(const void *image, size_t n, struct policy **out)
{
    struct policy *p = calloc(1, sizeof *p);
    struct policy_reader r = {0};

    if (!p)
        return -ENOMEM;
    buf_init_read(&r.b, image, n);
    if (n > POLICY_IMAGE_MAX)
        r.b.bad = true;
    get_head(&r, p);
    get_tables(&r, p);
    p->arena = r.arena;
    if (!buf_done(&r.b)) {
        policy_free(p);
        return r.no_memory ? -ENOMEM : -EPROTO;
    }
    *out = p;
    return 0;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    arena_free(p->arena);
    free(p);
}
