/*
 * hooks: what lwIP asks of us: tags, IPv6 gateways, sequence numbers.
 *
 * Why: lwIP has no static IPv6 gateway and a predictable first sequence number; both have a place
 * to ask. Owner: the worker's thread. Defined in port.c and tcp.c.
 */
#ifndef PENSTOCK_DPDK_HOOKS_H
#define PENSTOCK_DPDK_HOOKS_H

#include <lwip/arch.h>

struct netif;
struct pbuf;
struct eth_addr;
struct eth_hdr;
struct eth_vlan_hdr;

s32_t port_vlan_set(struct netif *netif);
int port_vlan_check(struct netif *netif, const struct eth_vlan_hdr *vlan);
const void *port_gateway6(struct netif *netif);
u32_t tcp_first_sequence(const void *local, u16_t local_port, const void *remote,
                         u16_t remote_port);

#define LWIP_HOOK_VLAN_SET(netif, p, src, dst, type) port_vlan_set(netif)
#define LWIP_HOOK_VLAN_CHECK(netif, eth, vlan)       port_vlan_check(netif, vlan)
#define LWIP_HOOK_ND6_GET_GW(netif, dest)            port_gateway6(netif)
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port)                                  \
    tcp_first_sequence(local, local_port, remote, remote_port)

#endif
