#include "dataplane/wire/codec.h"

#include <errno.h>
#include <string.h>

int codec_done(const struct buf *b)
{
    return buf_done(b) ? 0 : -EPROTO;
}

uint8_t codec_get_upto(struct buf *b, uint8_t max)
{
    uint8_t v = buf_get_u8(b);

    if (v > max)
        b->bad = true;
    return b->bad ? 0 : v;
}

bool codec_get_bool(struct buf *b)
{
    return codec_get_upto(b, 1) == 1;
}

void codec_get_array(struct buf *b, void *out, size_t n)
{
    const uint8_t *p = buf_get_bytes(b, n);

    if (p && n)
        memcpy(out, p, n);
}

int32_t codec_get_errno(struct buf *b)
{
    uint32_t v = buf_get_u32(b);

    if (v > INT32_MAX)
        b->bad = true;
    return b->bad ? 0 : (int32_t)v;
}

void codec_put_blob(struct buf *b, const void *src, size_t n, size_t max)
{
    if (n > max)
        b->bad = true;
    buf_put_blob(b, src, n);
}

void codec_put_addr(struct buf *b, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    buf_put_str(b, a->len ? addr_text(a, text) : "");
}

/* "[::0]:1" and "[::1]:01" are addresses too, but not as they are printed. */
static bool parse_as_printed(struct addr *a, const char *text)
{
    char again[ADDR_TEXT_MAX];

    return addr_parse(a, text) == 0 && !strcmp(addr_text(a, again), text);
}

void codec_get_addr_optional(struct buf *b, struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    memset(a, 0, sizeof *a);
    buf_get_str(b, text, sizeof text);
    if (buf_ok(b) && text[0] && !parse_as_printed(a, text))
        b->bad = true;
}

void codec_get_addr(struct buf *b, struct addr *a)
{
    codec_get_addr_optional(b, a);
    if (!a->len)
        b->bad = true;
}
