/*
 * decode: the questions that every decoder of dataplane/wire is asked.
 *
 * A decoder gets each message in memory of exactly its size, so that ASan sees a byte too far.
 */
#ifndef PENSTOCK_TEST_DECODE_H
#define PENSTOCK_TEST_DECODE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/buf.h"

#define X2(s)  s s
#define X4(s)  X2(s) X2(s)
#define X8(s)  X4(s) X4(s)
#define X32(s) X8(s) X8(s) X8(s) X8(s)
#define X48(s) X32(s) X8(s) X8(s)

typedef int (*decoder)(struct buf *b);

/* A decoder whose result nobody wants: DECODER(handoff_get_open, struct handoff_open). */
#define DECODER(get, type)                                                                         \
    static int decode_##get(struct buf *b)                                                         \
    {                                                                                              \
        static type m;                                                                             \
        return get(b, &m);                                                                         \
    }                                                                                              \
    typedef int decode_##get##_is_a_decoder

static inline int decode(decoder get, const uint8_t *msg, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    struct buf b;
    int rc;

    if (!exact)
        abort();
    memcpy(exact, msg, n);
    buf_init_read(&b, exact, n);
    rc = get(&b);
    free(exact);
    return rc;
}

/* The message is taken whole; every shorter one, and one with a byte more, is -EPROTO. */
static inline bool only_whole(decoder get, const uint8_t *msg, size_t n)
{
    uint8_t *more = calloc(1, n + 1);
    bool good = more && decode(get, msg, n) == 0;

    if (!more)
        abort();
    memcpy(more, msg, n);
    good = good && decode(get, more, n + 1) == -EPROTO;
    for (size_t cut = 0; cut < n; cut++)
        good = good && decode(get, msg, cut) == -EPROTO;
    free(more);
    return good;
}

/* The message with byte `at` set to `value` is refused. */
static inline bool refuses(decoder get, const uint8_t *msg, size_t n, size_t at, uint8_t value)
{
    uint8_t *other = malloc(n);
    bool refused;

    if (!other || at >= n)
        abort();
    memcpy(other, msg, n);
    other[at] = value;
    refused = decode(get, other, n) == -EPROTO;
    free(other);
    return refused;
}

/* A string of exactly n characters, terminated, in out. */
static inline void fill(char *out, size_t n, char c)
{
    memset(out, c, n);
    out[n] = '\0';
}

#endif
