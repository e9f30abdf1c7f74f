/* hex: vectors as published, for tests. */
#ifndef PENSTOCK_TEST_HEX_H
#define PENSTOCK_TEST_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a hex text into out; a vector that does not fit or is no hex ends the program. */
static inline size_t unhex(const char *text, uint8_t *out, size_t cap)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (; text[0]; text += 2) {
        const char *high = strchr(digits, text[0]), *low = text[1] ? strchr(digits, text[1]) : NULL;

        if (!high || !low || n == cap) {
            fprintf(stderr, "a test vector is broken at %.8s\n", text);
            exit(2);
        }
        out[n++] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return n;
}

static inline int hex_equal(const uint8_t *got, size_t n, const char *text)
{
    uint8_t want[1024];

    return unhex(text, want, sizeof want) == n && !memcmp(got, want, n);
}

#endif
