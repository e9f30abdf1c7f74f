#include "dataplane/dpdk/sums.h"

#include <netinet/in.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>
#include "dataplane/dpdk/frame.h"

/* IP's header is l3 bytes long, behind l2 of Ethernet's. */
static void leave(struct rte_mbuf *m, uint64_t family, unsigned l2, unsigned l3, uint16_t pseudo)
{
    struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, l2 + l3);

    m->ol_flags |= family | RTE_MBUF_F_TX_TCP_CKSUM;
    m->tx_offload = rte_mbuf_tx_offload(l2, l3, (tcp->data_off >> 4) * 4u, 0, 0, 0, 0);
    tcp->cksum = pseudo;
}

void sums_leave(struct rte_mbuf *m)
{
    const uint8_t *type = rte_pktmbuf_mtod(m, const uint8_t *) + 2 * RTE_ETHER_ADDR_LEN;
    unsigned l2 = RTE_ETHER_HDR_LEN;
    const struct rte_ipv4_hdr *v4;
    const struct rte_ipv6_hdr *v6;

    if (frame_be16(type) == RTE_ETHER_TYPE_VLAN) {
        type += RTE_VLAN_HLEN;
        l2 += RTE_VLAN_HLEN;
    }
    v4 = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, l2);
    v6 = rte_pktmbuf_mtod_offset(m, const struct rte_ipv6_hdr *, l2);
    if (frame_be16(type) == RTE_ETHER_TYPE_IPV4 && v4->next_proto_id == IPPROTO_TCP)
        leave(m, RTE_MBUF_F_TX_IPV4, l2, rte_ipv4_hdr_len(v4), rte_ipv4_phdr_cksum(v4, 0));
    else if (frame_be16(type) == RTE_ETHER_TYPE_IPV6 && v6->proto == IPPROTO_TCP)
        leave(m, RTE_MBUF_F_TX_IPV6, l2, sizeof *v6, rte_ipv6_phdr_cksum(v6, 0));
}
