/* The Internet checksum (RFC 1071) for lwIP: eight bytes at a time, four sums side by side. */
#include <stdint.h>
#include <string.h>
#include "dataplane/dpdk/lwip/arch/cc.h"

#define STEP 32

static uint64_t load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* Sums of 32-bit words do not overflow 64 bits, whatever a packet's length. */
static uint64_t sum_steps(const uint8_t *p, size_t n)
{
    uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;

    for (; n >= STEP; p += STEP, n -= STEP) {
        a += load32(p);
        b += load32(p + 4);
        c += load32(p + 8);
        d += load32(p + 12);
        e += load32(p + 16);
        f += load32(p + 20);
        g += load32(p + 24);
        h += load32(p + 28);
    }
    return a + b + c + d + e + f + g + h;
}

/* What is left of a step; a last odd byte is the first of its word. */
static uint64_t sum_rest(const uint8_t *p, size_t n)
{
    uint8_t padded[STEP] = {0};

    memcpy(padded, p, n);
    return sum_steps(padded, STEP);
}

uint16_t checksum_of(const void *data, int n)
{
    const uint8_t *p = data;
    size_t whole = (size_t)n / STEP * STEP;
    uint64_t sum = sum_steps(p, whole);

    if (whole < (size_t)n)
        sum += sum_rest(p + whole, (size_t)n - whole);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
