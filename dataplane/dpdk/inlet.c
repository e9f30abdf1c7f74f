#include "dataplane/dpdk/inlet.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/prot/ethernet.h>
#include <rte_mbuf.h>
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/lwip/arch/cc.h"
#include "dataplane/dpdk/packetpool.h"
#include "dataplane/dpdk/port.h"

/* What is said of sums is said in lwIP's words. */
#define IP_SUM   NETIF_CHECKSUM_CHECK_IP
#define TCP_SUM  NETIF_CHECKSUM_CHECK_TCP
#define ALL_SUMS (IP_SUM | TCP_SUM)
#define HEAP_MAX (256u << 20) /* bytes of received packets outside the pool, of all workers */

/* A received frame, in the room that its mbuf has for us. */
struct rx_pbuf {
    struct pbuf_custom custom;
    struct rte_mbuf *m;
};

struct heap_pbuf {
    struct pbuf_custom custom;
    uint32_t *held; /* bytes in all of them */
    uint32_t n;
    uint8_t data[];
};

_Static_assert(sizeof(struct rx_pbuf) <= PACKET_PRIVATE, "fits into a packet's private room");

struct input {
    struct port *port;
    struct pbuf *p;
};

static void rx_free(struct pbuf *p)
{
    struct rx_pbuf *rx = (struct rx_pbuf *)p;

    rte_pktmbuf_free(rx->m);
}

static void heap_free(struct pbuf *p)
{
    struct heap_pbuf *h = (struct heap_pbuf *)p;

    *h->held -= h->n;
    free(h);
}

static struct pbuf *wrap(struct rte_mbuf *m)
{
    struct rx_pbuf *rx = rte_mbuf_to_priv(m);
    uint16_t n = rte_pktmbuf_data_len(m);

    rx->m = m;
    rx->custom.custom_free_function = rx_free;
    return pbuf_alloced_custom(PBUF_RAW, n, PBUF_REF, &rx->custom, rte_pktmbuf_mtod(m, void *), n);
}

/* The same bytes outside the pool, so that slow sessions can not stop the others' receiving. */
static struct pbuf *wrap_copy(struct ports *ports, struct rte_mbuf *m)
{
    uint16_t n = rte_pktmbuf_data_len(m);
    struct heap_pbuf *h = ports->heap_held + n <= HEAP_MAX / ports->lanes->n ? malloc(sizeof *h + n)
                                                                             : NULL;

    if (h) {
        h->held = &ports->heap_held;
        h->n = n;
        h->custom.custom_free_function = heap_free;
        ports->heap_held += n;
        memcpy(h->data, rte_pktmbuf_mtod(m, void *), n);
    }
    rte_pktmbuf_free(m);
    return h ? pbuf_alloced_custom(PBUF_RAW, n, PBUF_REF, &h->custom, h->data, n) : NULL;
}

static void input(void *arg)
{
    const struct input *in = arg;

    if (in->port->netif.input(in->p, &in->port->netif) != ERR_OK)
        pbuf_free(in->p);
}

/* Is the frame of our network? A tag may stand in the frame, or beside it. */
static bool vlan_fits(const struct port *port, const struct rte_mbuf *m)
{
    const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
    uint16_t vlan = port->policy->vlan;

    if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
        return (m->vlan_tci & 0xfff) == vlan;
    if (rte_pktmbuf_data_len(m) >= 18 && p[12] == 0x81 && p[13] == 0)
        return ((p[14] << 8 | p[15]) & 0xfff) == vlan;
    return vlan == 0;
}

static void drop(struct port *port, struct pbuf *p, enum port_refusal why)
{
    if (p)
        pbuf_free(p);
    port->refused[why]++;
}

/* RFC 9293 3.1: header, data, and of the IP header both addresses, protocol and length. */
static bool tcp_sum_right(const struct merge_part *p)
{
    size_t addresses = p->ends.v6 ? 32 : 8, all = p->head + p->n;
    uint32_t sum = checksum_of(p->tcp, (int)all);

    sum += checksum_of(p->tcp - addresses, (int)addresses);
    sum += htons(IPPROTO_TCP) + htons((uint16_t)all);
    return checksum_fold(sum) == 0xffff;
}

static bool ip_sum_right(const struct merge_part *p)
{
    return p->ends.v6 || checksum_of(p->ip, (int)(p->tcp - p->ip)) == 0xffff;
}

static bool sums_right(const struct merge_part *p, u16_t right)
{
    return (right & IP_SUM || ip_sum_right(p)) && (right & TCP_SUM || tcp_sum_right(p));
}

/* Each pbuf of a chain knows the bytes from itself on. */
static void set_lengths(struct pbuf *p, size_t all)
{
    for (; p; p = p->next) {
        p->tot_len = (u16_t)all;
        all -= p->len;
    }
}

/* To lwIP, which has to look at its sums but for those that are right. */
static void give(struct inlet_run *r)
{
    struct input in = {.port = r->port, .p = r->first};
    struct netif *netif = &r->port->netif;

    if (r->merged.parts > 1) {
        merge_end(&r->merged);
        set_lengths(r->first, r->first->len + r->merged.n - r->merged.first.n);
        demux_ack_next(&r->merged.first.ends);
    }
    netif->chksum_flags = (u16_t)((netif->chksum_flags | ALL_SUMS) & ~r->right);
    if (!demux_input(r->first->payload, r->first->len, input, &in))
        drop(r->port, r->first, REFUSED_FRAME);
}

void inlet_flush(struct ports *ports)
{
    struct inlet *in = &ports->inlet;
    const struct tuple *ends[INLET_RUNS] = {NULL};
    struct demux_entry *found[INLET_RUNS];
    unsigned n = in->n;

    for (unsigned i = 0; i < n; i++)
        ends[i] = &in->run[i].merged.first.ends;
    demux_ahead(ends, n, found);
    in->n = 0;
    in->open = false;
    for (unsigned i = 0; i < n; i++) {
        demux_expect(found[i]);
        give(&in->run[i]);
    }
}

/* A run with this one in it, behind those that wait. */
static struct merge *begin(struct ports *ports, struct port *port, struct pbuf *p, u16_t right)
{
    struct inlet *in = &ports->inlet;
    struct inlet_run *r;

    if (in->n == INLET_RUNS)
        inlet_flush(ports);
    r = &in->run[in->n++];
    r->port = port;
    r->first = r->last = p;
    r->right = right;
    in->open = false;
    return &r->merged;
}

/* The segment is right: it goes on with the run, or begins one. */
static void collect(struct ports *ports, struct port *port, struct pbuf *p,
                    const struct merge_part *part)
{
    struct inlet *in = &ports->inlet;
    struct inlet_run *r = in->open ? &in->run[in->n - 1] : NULL;

    if (!r || r->port != port || !merge_follows(&r->merged, part)) {
        merge_begin(begin(ports, port, p, ALL_SUMS), part);
        in->open = true;
        return;
    }
    pbuf_remove_header(p, (size_t)(part->tcp + part->head - (const uint8_t *)p->payload));
    r->last->next = p;
    r->last = p;
    in->open = merge_add(&r->merged, part);
}

/* Anything else is by itself. */
static void put_alone(struct ports *ports, struct port *port, struct pbuf *p,
                      const struct tuple *ends, u16_t right)
{
    struct merge *m = begin(ports, port, p, right);

    m->first.ends = *ends;
    m->parts = 1;
}

/*
 * Which sums does the device know to be right? These are not computed again. Its bit is set, too,
 * where it knows that the bytes are right, and the sum is not (NONE); it is not where it found the
 * sum wrong, or says nothing of it: it is judged here.
 */
static u16_t sums_known(const struct port *port, const struct rte_mbuf *m)
{
    u16_t right = 0;

    if (port->rx_trusted)
        return ALL_SUMS;
    if (port->rx_checks && m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_GOOD)
        right |= IP_SUM;
    if (port->rx_checks && m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD)
        right |= TCP_SUM;
    return right;
}

/* Is it a segment that may be one of a run? Its ends are known in any case. */
static bool is_part(const struct pbuf *p, struct merge_part *part)
{
    uint8_t *data = p->payload;
    const uint8_t *tcp;

    return frame_kind(data, p->len, &part->ends, &tcp) == FRAME_SEGMENT &&
           merge_part(part, data + (tcp - data), data + p->len);
}

static bool is_ours(const struct port *port, const struct rte_mbuf *m)
{
    return m->nb_segs == 1 && rte_pktmbuf_data_len(m) >= SIZEOF_ETH_HDR && vlan_fits(port, m);
}

void inlet_take(struct ports *ports, struct port *port, struct rte_mbuf *m, bool low)
{
    u16_t right = sums_known(port, m);
    struct merge_part part;
    struct pbuf *p;

    if (!is_ours(port, m)) {
        rte_pktmbuf_free(m);
        drop(port, NULL, REFUSED_FOREIGN);
        return;
    }
    p = low ? wrap_copy(ports, m) : wrap(m);
    if (!p) {
        drop(port, NULL, REFUSED_MEMORY);
    } else if (!is_part(p, &part)) {
        put_alone(ports, port, p, &part.ends, right);
    } else if (sums_right(&part, right)) {
        collect(ports, port, p, &part);
    } else {
        drop(port, p, REFUSED_SUM);
    }
}
