#include "dataplane/dpdk/face.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/init.h>
#include <lwip/prot/ip4.h>
#include <netif/ethernet.h>
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/ipaddr.h"
#include "dataplane/dpdk/lwip/hooks.h"
#include "dataplane/dpdk/outlet.h"

#define PIECES_MAX 552         /* bytes of a packet that may be cut up */
#define KEPT_BYTES (256 << 20) /* of free heap */
#define KEPT_STEP  (1 << 20)

s32_t port_vlan_set(struct netif *netif)
{
    const struct port *port = netif->state;

    return port->policy->vlan ? port->policy->vlan : -1;
}

int port_vlan_check(struct netif *netif, const struct eth_vlan_hdr *vlan)
{
    const struct port *port = netif->state;

    return (lwip_ntohs(vlan->prio_vid) & 0xfff) == port->policy->vlan;
}

const void *port_gateway6(struct netif *netif)
{
    const struct port *port = netif->state;

    return port->policy->gateway6.len ? &port->gateway6 : NULL;
}

/* What is longer than every link must carry is not to be cut up on its way: pmtu hears of it. */
static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    struct ip_hdr *ip = p->payload;
    uint32_t sum;

    if (IPH_PROTO(ip) == IPPROTO_TCP && lwip_ntohs(IPH_LEN(ip)) > PIECES_MAX) {
        IPH_OFFSET_SET(ip, PP_HTONS(IP_DF));
        sum = (uint16_t)~IPH_CHKSUM(ip) + (uint32_t)PP_HTONS(IP_DF);
        IPH_CHKSUM_SET(ip, (u16_t) ~((sum & 0xffff) + (sum >> 16)));
    }
    return etharp_output(netif, p, to);
}

static err_t netif_begin(struct netif *netif)
{
    struct port *port = netif->state;
    netif->name[0] = 'p';
    netif->name[1] = 's';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    port_mac(port, netif->hwaddr);
    netif->mtu = netif->mtu6 = port->policy->mtu;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_LINK_UP | NETIF_FLAG_MLD6;
    netif->output = output4;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = outlet_send;
    outlet_begin(netif);
    return ERR_OK;
}

static void add_v6(struct port *port)
{
    ip_addr_t ip;

    netif_create_ip6_linklocal_address(&port->netif, 1);
    netif_ip6_addr_set_state(&port->netif, 0, IP6_ADDR_PREFERRED);
    for (s8_t i = 0; i < 2 && port->policy->v6[i].len; i++) {
        ipaddr_from(&ip, &port->policy->v6[i]);
        netif_ip6_addr_set(&port->netif, (s8_t)(i + 1), ip_2_ip6(&ip));
        netif_ip6_addr_set_state(&port->netif, (s8_t)(i + 1), IP6_ADDR_PREFERRED);
    }
    if (port->policy->gateway6.len) {
        ipaddr_from(&ip, &port->policy->gateway6);
        port->gateway6 = *ip_2_ip6(&ip);
    }
}

static int port_up(struct port *port)
{
    const struct policy_port *p = port->policy;
    ip4_addr_t ip = {0}, mask = {0}, gw = {0};

    if (p->v4.len) {
        ip.addr = p->v4.in4.sin_addr.s_addr;
        mask.addr = htonl(p->v4_prefix ? UINT32_MAX << (32 - p->v4_prefix) : 0);
    }
    if (p->gateway4.len)
        gw.addr = p->gateway4.in4.sin_addr.s_addr;
    if (!netif_add(&port->netif, &ip, &mask, &gw, port, netif_begin, ethernet_input))
        return -ENOMEM;
    if (p->v6[0].len)
        add_v6(port);
    netif_set_up(&port->netif);
    if (p->gateway4.len || p->gateway6.len || !netif_default)
        netif_set_default(&port->netif);
    return 0;
}

/*
 * What lwIP queues comes and goes by the half megabyte: memory that went back to the kernel each
 * time would be cleared each time.
 */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_TOP_PAD, KEPT_STEP);
    mallopt(M_MMAP_THRESHOLD, KEPT_STEP); /* blocks of records are smaller */
}

int face_start(struct ports *ports)
{
    int rc = demux_init();

    keep_memory();
    if (rc)
        return rc;
    lwip_init();
    for (unsigned i = 0; i < ports->n && !rc; i++)
        rc = port_up(&ports->port[i]);
    return rc;
}
