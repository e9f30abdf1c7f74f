#include "handshake/der.h"

static size_t der_length(struct buf *b)
{
    size_t n = buf_get_u8(b), bytes;

    if (!(n & 0x80))
        return n;
    bytes = n & 0x7f;
    if (bytes == 0 || bytes > 4) {
        b->bad = true;
        return 0;
    }
    for (n = 0; bytes > 0; bytes--) {
        n = n << 8 | buf_get_u8(b);
        if (n == 0) /* a leading zero */
            b->bad = true;
    }
    if (n < 0x80)
        b->bad = true;
    return n;
}

bool der_get(struct buf *b, struct der *d)
{
    const uint8_t *content;
    size_t start = b->pos, n;
    uint8_t tag;

    if (buf_left(b) == 0)
        return false;
    tag = buf_get_u8(b);
    n = der_length(b);
    if ((tag & 0x1f) == 0x1f)
        b->bad = true;
    content = buf_ok(b) ? buf_get_bytes(b, n) : NULL;
    if (!buf_ok(b))
        return false;
    d->tag = tag;
    d->raw = b->data + start;
    d->n_raw = b->pos - start;
    buf_init_read(&d->in, content, n);
    return true;
}

bool der_want(struct buf *b, uint8_t tag, struct der *d)
{
    if (der_get(b, d) && d->tag == tag)
        return true;
    b->bad = true;
    return false;
}

bool der_next_is(const struct buf *b, uint8_t tag)
{
    return buf_left(b) > 0 && b->data[b->pos] == tag;
}
