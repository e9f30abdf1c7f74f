/* The Internet checksum (RFC 1071) for lwIP, by DPDK's loop: its headers do not go with lwIP's. */
#include <rte_ip.h>
#include "dataplane/dpdk/lwip/arch/cc.h"

uint16_t checksum_of(const void *data, int n)
{
    return rte_raw_cksum(data, (size_t)n);
}
