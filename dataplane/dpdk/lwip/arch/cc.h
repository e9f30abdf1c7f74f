/* The compiler and the machine, as lwIP wants to know them. */
#ifndef PENSTOCK_DPDK_CC_H
#define PENSTOCK_DPDK_CC_H

#include <stdint.h>

/* Never returns: a broken invariant of the stack ends this process, and the launcher starts anew.
 */
void lwip_broken(const char *what) __attribute__((noreturn));
uint32_t lwip_random(void);
/* The sum of n bytes as 16-bit words, folded, as it stands in memory (RFC 1071). */
uint16_t checksum_of(const void *data, int n);

/* A sum of such sums, folded. */
static inline uint16_t checksum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

#define LWIP_PLATFORM_ASSERT(what) lwip_broken(what)
#define LWIP_PLATFORM_DIAG(what)   ((void)0)
#define LWIP_RAND()                lwip_random()

#endif
