#include "dataplane/base/buf.h"

#include <string.h>

void buf_init(struct buf *b, void *mem, size_t cap)
{
    *b = (struct buf){.data = mem, .cap = cap};
}

void buf_init_read(struct buf *b, const void *mem, size_t len)
{
    union {
        const void *in;
        uint8_t *out;
    } drop_const = {.in = mem};

    /* cap 0 makes every put an overrun, so the memory stays as const as it was. */
    *b = (struct buf){.data = drop_const.out, .len = len};
}

/* Where the next n bytes go, or NULL if they do not fit. */
static uint8_t *grow(struct buf *b, size_t n)
{
    uint8_t *to;

    if (b->bad || b->len > b->cap || n > b->cap - b->len) {
        b->bad = true;
        return NULL;
    }
    to = b->data + b->len;
    b->len += n;
    return to;
}

static void put_int(struct buf *b, uint64_t v, size_t n)
{
    uint8_t *to = grow(b, n);

    if (!to)
        return;
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static uint64_t get_int(struct buf *b, size_t n)
{
    const uint8_t *from = buf_get_bytes(b, n);
    uint64_t v = 0;

    if (!from)
        return 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | from[i];
    return v;
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    put_int(b, v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    put_int(b, v, 2);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    put_int(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    put_int(b, v, 8);
}

void buf_put_bytes(struct buf *b, const void *src, size_t n)
{
    uint8_t *to = grow(b, n);

    if (to && n)
        memcpy(to, src, n);
}

void buf_put_blob(struct buf *b, const void *src, size_t n)
{
    if (n > UINT32_MAX)
        b->bad = true;
    buf_put_u32(b, (uint32_t)n);
    buf_put_bytes(b, src, n);
}

void buf_put_str(struct buf *b, const char *s)
{
    size_t n = s ? strlen(s) : 0;

    if (n > UINT16_MAX)
        b->bad = true;
    buf_put_u16(b, (uint16_t)n);
    buf_put_bytes(b, s, n);
}

uint8_t buf_get_u8(struct buf *b)
{
    return (uint8_t)get_int(b, 1);
}

uint16_t buf_get_u16(struct buf *b)
{
    return (uint16_t)get_int(b, 2);
}

uint32_t buf_get_u32(struct buf *b)
{
    return (uint32_t)get_int(b, 4);
}

uint64_t buf_get_u64(struct buf *b)
{
    return get_int(b, 8);
}

const uint8_t *buf_get_bytes(struct buf *b, size_t n)
{
    const uint8_t *from;

    if (b->bad || n > b->len - b->pos) {
        b->bad = true;
        return NULL;
    }
    /* An empty run at the end of no memory at all is still not the NULL of an overrun. */
    from = b->data ? b->data + b->pos : (const uint8_t *)"";
    b->pos += n;
    return from;
}

const uint8_t *buf_get_blob(struct buf *b, size_t max, size_t *n)
{
    size_t size = buf_get_u32(b);
    const uint8_t *from;

    if (size > max)
        b->bad = true;
    from = buf_get_bytes(b, size);
    *n = from ? size : 0;
    return from;
}

void buf_get_str(struct buf *b, char *out, size_t cap)
{
    size_t n = buf_get_u16(b);
    const uint8_t *from;

    if (n >= cap)
        b->bad = true;
    from = buf_get_bytes(b, n);
    if (from && memchr(from, '\0', n))
        b->bad = true;
    if (!cap)
        return;
    if (b->bad)
        n = 0;
    if (n)
        memcpy(out, from, n);
    out[n] = '\0';
}

size_t buf_left(const struct buf *b)
{
    return b->bad ? 0 : b->len - b->pos;
}

bool buf_ok(const struct buf *b)
{
    return !b->bad;
}

bool buf_done(const struct buf *b)
{
    return !b->bad && b->pos == b->len;
}
