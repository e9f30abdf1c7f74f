#include "dataplane/wire/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/policy_codec.h"

#define ARENA_BLOCK (64 * 1024)
#define ALL_SLICES  (POLICY_SLICE_DATAPLANE | POLICY_SLICE_HANDSHAKE | POLICY_SLICE_KEYRING)

static const uint8_t magic[8] = "PSPOL1\0";

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    _Alignas(16) uint8_t mem[];
};

static void *arena_alloc(struct arena_block **arena, size_t n)
{
    struct arena_block *block = *arena;
    void *p;

    n = (n + 15) & ~(size_t)15;
    if (!block || block->cap - block->used < n) {
        size_t cap = n > ARENA_BLOCK ? n : ARENA_BLOCK;
        block = malloc(sizeof *block + cap);
        if (!block)
            return NULL;
        block->next = *arena;
        block->used = 0;
        block->cap = cap;
        *arena = block;
    }
    p = block->mem + block->used;
    block->used += n;
    memset(p, 0, n);
    return p;
}

void *reader_take(struct policy_reader *r, size_t count, size_t size)
{
    void *p;

    if (count == 0 || count > buf_left(&r->b)) {
        r->b.bad |= count != 0;
        return NULL;
    }
    p = arena_alloc(r->arena, count * size);
    if (!p)
        r->b.bad = true;
    return p;
}

const char *reader_string(struct policy_reader *r)
{
    uint16_t n = buf_get_u16(&r->b);
    const uint8_t *src = buf_get_bytes(&r->b, n);
    char *s = src ? arena_alloc(r->arena, (size_t)n + 1) : NULL;

    if (!s || memchr(src, 0, n)) {
        r->b.bad = true;
        return "";
    }
    memcpy(s, src, n);
    return s;
}

void reader_blob(struct policy_reader *r, struct policy_blob *out)
{
    size_t n;
    const uint8_t *src = buf_get_blob(&r->b, POLICY_IMAGE_MAX, &n);
    uint8_t *copy = src ? arena_alloc(r->arena, n ? n : 1) : NULL;

    if (!copy) {
        r->b.bad = true;
        return;
    }
    memcpy(copy, src, n);
    out->data = copy;
    out->n = (uint32_t)n;
}

uint8_t reader_upto(struct policy_reader *r, uint8_t max)
{
    uint8_t v = buf_get_u8(&r->b);

    if (v > max)
        r->b.bad = true;
    return v;
}

static void put_listeners(struct buf *b, const struct policy *p)
{
    char text[ADDR_TEXT_MAX];

    for (unsigned i = 0; i < p->n_listeners; i++) {
        const struct policy_listener *l = &p->listeners[i];
        buf_put_str(b, addr_text(&l->addr, text));
        buf_put_u8(b, l->tls);
        buf_put_u8(b, l->accept_proxy);
        buf_put_u16(b, l->n_links);
        for (unsigned k = 0; k < l->n_links; k++)
            buf_put_u16(b, l->links[k]);
    }
}

static void get_listener(struct policy_reader *r, const struct policy *p, struct policy_listener *l)
{
    char text[ADDR_TEXT_MAX];

    buf_get_str(&r->b, text, sizeof text);
    if (buf_ok(&r->b) && addr_parse(&l->addr, text))
        r->b.bad = true;
    l->tls = reader_upto(r, 1);
    l->accept_proxy = reader_upto(r, 1);
    l->n_links = buf_get_u16(&r->b);
    if (l->n_links == 0)
        r->b.bad = true;
    l->links = reader_take(r, l->n_links, sizeof *l->links);
    for (unsigned k = 0; buf_ok(&r->b) && k < l->n_links; k++) {
        l->links[k] = buf_get_u16(&r->b);
        if (l->links[k] >= p->n_links)
            r->b.bad = true;
    }
}

void policy_encode(struct buf *b, const struct policy *p, uint8_t slices)
{
    buf_put_bytes(b, magic, sizeof magic);
    buf_put_u64(b, p->revision);
    buf_put_u8(b, slices);
    buf_put_u32(b, p->drain_ms);
    buf_put_u16(b, p->n_attachments);
    if (slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_KEYRING))
        policy_put_identities(b, p, slices);
    if (slices & POLICY_SLICE_HANDSHAKE)
        policy_put_trust(b, p);
    if (slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_DATAPLANE)) {
        policy_put_links(b, p, slices);
        buf_put_u16(b, p->n_listeners);
        put_listeners(b, p);
    }
}

static void get_head(struct policy_reader *r, struct policy *p)
{
    const uint8_t *m = buf_get_bytes(&r->b, sizeof magic);

    if (!m || memcmp(m, magic, sizeof magic))
        r->b.bad = true;
    p->revision = buf_get_u64(&r->b);
    p->slices = reader_upto(r, ALL_SLICES);
    p->drain_ms = buf_get_u32(&r->b);
    p->n_attachments = buf_get_u16(&r->b);
    if (p->slices == 0)
        r->b.bad = true;
    r->slices = p->slices;
}

static void get_tables(struct policy_reader *r, struct policy *p)
{
    if (p->slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_KEYRING))
        policy_get_identities(r, p);
    if (p->slices & POLICY_SLICE_HANDSHAKE)
        policy_get_trust(r, p);
    if (!(p->slices & (POLICY_SLICE_HANDSHAKE | POLICY_SLICE_DATAPLANE)))
        return;
    policy_get_links(r, p);
    p->n_listeners = buf_get_u16(&r->b);
    p->listeners = reader_take(r, p->n_listeners, sizeof *p->listeners);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_listeners; i++)
        get_listener(r, p, &p->listeners[i]);
}

int policy_decode(const void *image, size_t n, struct policy **out)
{
    struct policy *p = calloc(1, sizeof *p);
    struct arena_block *arena = NULL;
    struct policy_reader r = {.arena = &arena};

    if (!p)
        return -ENOMEM;
    buf_init_read(&r.b, image, n);
    get_head(&r, p);
    if (buf_ok(&r.b))
        get_tables(&r, p);
    p->arena = arena;
    if (!buf_done(&r.b)) {
        policy_free(p);
        return -EPROTO;
    }
    *out = p;
    return 0;
}

void policy_free(struct policy *p)
{
    struct arena_block *block;

    if (!p)
        return;
    block = p->arena;
    while (block) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    free(p);
}
