#include "appliance-image/src/plain.h"

#include <stdint.h>
#include <stdio.h>

#define NO_CHARACTER 0xfffd
#define ESCAPE_MAX   12 /* a pair of surrogates */

/* The UTF-8 character at `from`: its bytes; one, of NO_CHARACTER, where there is none. */
static size_t decode(const unsigned char *from, size_t n, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = from[0] >= 0xf0 ? 4 : from[0] >= 0xe0 ? 3 : 2;
    uint32_t c = from[0] & (0xffU >> (length + 1));

    *out = NO_CHARACTER;
    if (from[0] < 0xc2 || from[0] > 0xf4 || length > n)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if ((from[i] & 0xc0) != 0x80)
            return 1;
        c = c << 6 | (from[i] & 0x3f);
    }
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 1;
    *out = c;
    return length;
}

static size_t escape(uint32_t c, char *to)
{
    if (c < 0x10000)
        return (size_t)snprintf(to, ESCAPE_MAX + 1, "\\u%04x", c);
    c -= 0x10000;
    return (size_t)snprintf(to, ESCAPE_MAX + 1, "\\u%04x\\u%04x", 0xd800 + (c >> 10),
                            0xdc00 + (c & 0x3ff));
}

/* Does a token end here, and the line with it? */
static bool breaks(struct plain *p, char c)
{
    if (p->escaped)
        p->escaped = false;
    else if (p->quoted && c == '\\')
        p->escaped = true;
    else if (c == '"')
        p->quoted = !p->quoted;
    return !p->quoted && p->line >= PLAIN_LINE && (c == ',' || c == '[' || c == '{');
}

size_t plain_next(struct plain *p, char to[PLAIN_CHUNK])
{
    size_t out = 0;

    while (p->at < p->n && out + ESCAPE_MAX + 2 < PLAIN_CHUNK) {
        const unsigned char *from = (const unsigned char *)p->from + p->at;
        size_t before = out, used = 1;
        uint32_t c = *from;

        if (c >= 0x80)
            used = decode(from, p->n - p->at, &c);
        if (c >= ' ' && c < 0x7f)
            to[out++] = (char)c;
        else if (p->quoted)
            out += escape(c, to + out);
        p->at += used;
        p->line += out - before;
        if (breaks(p, (char)*from)) {
            to[out++] = '\n';
            p->line = 0;
        }
    }
    return out;
}
