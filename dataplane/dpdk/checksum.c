/* The Internet checksum (RFC 1071) for lwIP: 64 bytes at a time. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "dataplane/dpdk/lwip/arch/cc.h"

#define STEP 64

#ifdef __x86_64__
#define WIDE      __attribute__((target("avx2")))
#define HAVE_WIDE __builtin_cpu_supports("avx2")
#else
#define WIDE
#define HAVE_WIDE false
#endif

typedef uint64_t words __attribute__((vector_size(32)));

/* Sums of 32-bit words do not overflow 64 bits, whatever a packet's length. */
static inline __attribute__((always_inline)) uint64_t sum_steps(const uint8_t *p, size_t n)
{
    const words low = (words){0} + UINT32_MAX;
    words a = {0}, b = {0}, c = {0}, d = {0};

    for (; n >= STEP; p += STEP, n -= STEP) {
        words first, second;

        memcpy(&first, p, sizeof first);
        memcpy(&second, p + sizeof first, sizeof second);
        a += first & low;
        b += first >> 32;
        c += second & low;
        d += second >> 32;
    }
    a += b + c + d;
    return a[0] + a[1] + a[2] + a[3];
}

/* The same by the instructions of newer processors: half the time. */
WIDE static uint64_t sum_wide(const uint8_t *p, size_t n)
{
    return sum_steps(p, n);
}

static uint64_t sum_plain(const uint8_t *p, size_t n)
{
    return sum_steps(p, n);
}

/* What is left of a step; a last odd byte is the first of its word. */
static uint64_t sum_rest(const uint8_t *p, size_t n)
{
    uint8_t padded[STEP] = {0};

    memcpy(padded, p, n);
    return sum_plain(padded, STEP);
}

uint16_t checksum_of(const void *data, int n)
{
    const uint8_t *p = data;
    size_t whole = (size_t)n / STEP * STEP;
    uint64_t sum = HAVE_WIDE ? sum_wide(p, whole) : sum_plain(p, whole);

    if (whole < (size_t)n)
        sum += sum_rest(p + whole, (size_t)n - whole);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
