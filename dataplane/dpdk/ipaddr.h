/*
 * ipaddr: an address as the core and as lwIP write it.
 * Owner: pure functions.
 */
#ifndef PENSTOCK_DPDK_IPADDR_H
#define PENSTOCK_DPDK_IPADDR_H

#include <string.h>
#include <lwip/ip_addr.h>
#include "dataplane/base/addr.h"

static inline void ipaddr_from(ip_addr_t *out, const struct addr *a)
{
    memset(out, 0, sizeof *out);
    if (a->sa.sa_family == AF_INET) {
        IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V4);
        ip_2_ip4(out)->addr = a->in4.sin_addr.s_addr;
    } else {
        IP_SET_TYPE_VAL(*out, IPADDR_TYPE_V6);
        memcpy(ip_2_ip6(out)->addr, &a->in6.sin6_addr, 16);
    }
}

static inline void ipaddr_to(struct addr *out, const ip_addr_t *ip, uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (IP_IS_V4_VAL(*ip)) {
        out->len = sizeof out->in4;
        out->in4.sin_family = AF_INET;
        out->in4.sin_port = htons(port);
        out->in4.sin_addr.s_addr = ip_2_ip4(ip)->addr;
    } else {
        out->len = sizeof out->in6;
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        memcpy(&out->in6.sin6_addr, ip_2_ip6(ip)->addr, 16);
    }
}

#endif
