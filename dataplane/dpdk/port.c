#include "dataplane/dpdk/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <lwip/prot/ethernet.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include "dataplane/dpdk/demux.h"
#include "dataplane/wire/policy_port.h"

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

_Static_assert(sizeof(struct rx_pbuf) <= PORT_PRIVATE, "fits into a packet's private room");

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

/* Sums that the device found right are not computed again. */
static void set_checks(struct port *port, const struct rte_mbuf *m)
{
    const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    uint16_t flags = NETIF_CHECKSUM_ENABLE_ALL;

    if (port->rx_checks && (m->ol_flags & good) == good)
        flags &= (uint16_t) ~(NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP);
    port->netif.chksum_flags = flags;
}

static void take(struct ports *ports, struct port *port, struct rte_mbuf *m, bool low)
{
    struct input in = {.port = port};
    bool ours = m->nb_segs == 1 && rte_pktmbuf_data_len(m) >= SIZEOF_ETH_HDR && vlan_fits(port, m);

    if (!ours) {
        rte_pktmbuf_free(m);
        return;
    }
    set_checks(port, m);
    in.p = low ? wrap_copy(ports, m) : wrap(m);
    if (in.p && demux_input(in.p->payload, in.p->len, input, &in))
        return;
    if (in.p)
        pbuf_free(in.p);
    port->rx_dropped++;
}

/* A copy for each of the others. */
static void tell_all(struct ports *ports, struct rte_mbuf *m)
{
    for (unsigned w = 0; w < ports->lanes->n; w++) {
        struct rte_mbuf *copy;

        if (w == ports->worker)
            continue;
        copy = rte_pktmbuf_copy(m, ports->pool, 0, UINT32_MAX);
        if (copy)
            lanes_hand(ports->lanes, w, copy);
    }
}

/* A frame from our queue of port i: ours, or another worker's? */
static void sort(struct ports *ports, unsigned i, struct rte_mbuf *m, bool low)
{
    struct port *port = &ports->port[i];
    unsigned home = ports->worker;
    const uint8_t *tcp;
    struct tuple t;

    m->port = (uint16_t)i; /* whoever takes it counts ports as we do */
    switch (frame_kind(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m), &t, &tcp)) {
    case FRAME_SEGMENT:
    case FRAME_TOO_BIG:
        home = steer_home(&ports->lanes->steer, &t, port->spread);
        break;
    case FRAME_NEIGHBOUR:
        tell_all(ports, m);
        break;
    default:
        break;
    }
    if (home == ports->worker)
        take(ports, port, m, low);
    else if (!lanes_hand(ports->lanes, home, m))
        port->rx_dropped++;
}

static bool pool_low(const struct ports *ports)
{
    return rte_mempool_avail_count(ports->pool) < ports->pool->size / 4;
}

static unsigned take_handed(struct ports *ports)
{
    struct rte_mbuf *m[PORT_BURST];
    unsigned n = lanes_take(ports->lanes, ports->worker, m, PORT_BURST);
    bool low = n && pool_low(ports);

    for (unsigned k = 0; k < n; k++)
        take(ports, &ports->port[m[k]->port], m[k], low);
    return n;
}

static unsigned port_poll(struct ports *ports, unsigned i)
{
    struct port *port = &ports->port[i];
    struct rte_mbuf *m[PORT_BURST];
    uint16_t n;
    bool low;

    if (ports->worker >= port->queues)
        return 0; /* it has fewer queues than there are workers */
    n = rte_eth_rx_burst(port->id, (uint16_t)ports->worker, m, PORT_BURST);
    port->rx_frames += n;
    low = n && pool_low(ports);
    for (uint16_t k = 0; k < n; k++) {
        if (ports->lanes->n > 1)
            sort(ports, i, m[k], low);
        else
            take(ports, port, m[k], low);
    }
    return n;
}

unsigned ports_poll(struct ports *ports)
{
    unsigned frames = 0;

    for (unsigned i = 0; i < ports->n; i++)
        frames += port_poll(ports, i);
    return ports->lanes->n > 1 ? frames + take_handed(ports) : frames;
}

/* Give the device what waits; what it does not take now waits on. */
static void flush_to(struct port *port, uint16_t queue)
{
    uint16_t n, sent;

    do {
        n = port->n_tx < PORT_TX - port->first_tx ? port->n_tx : PORT_TX - port->first_tx;
        sent = n ? rte_eth_tx_burst(port->id, queue, port->tx + port->first_tx, n) : 0;
        port->first_tx = (uint16_t)((port->first_tx + sent) % PORT_TX);
        port->n_tx = (uint16_t)(port->n_tx - sent);
        port->tx_frames += sent;
    } while (sent && sent == n);
}

static void port_flush(struct port *port)
{
    struct ports *ports = port->ports;
    uint16_t queue = (uint16_t)(ports->worker % port->queues);
    pthread_mutex_t *shared = port->queues < ports->lanes->n
                                  ? &ports->lanes->send[port - ports->port]
                                  : NULL;

    if (shared)
        pthread_mutex_lock(shared);
    flush_to(port, queue);
    if (shared)
        pthread_mutex_unlock(shared);
}

void ports_flush(struct ports *ports)
{
    for (unsigned i = 0; i < ports->n; i++)
        if (ports->port[i].n_tx)
            port_flush(&ports->port[i]);
}

unsigned port_room(struct port *port)
{
    if (port->n_tx > PORT_TX - PORT_BURST)
        port_flush(port);
    return PORT_TX - port->n_tx;
}

void port_put(struct port *port, struct rte_mbuf *m)
{
    port->tx[(port->first_tx + port->n_tx++) % PORT_TX] = m;
}

void port_mac(const struct port *port, uint8_t mac[6])
{
    struct rte_ether_addr a;

    memset(&a, 0, sizeof a);
    rte_eth_macaddr_get(port->id, &a);
    memcpy(mac, a.addr_bytes, 6);
}

struct port *ports_with(struct ports *ports, const struct addr *own)
{
    struct addr a = *own;

    for (unsigned i = 0; i < ports->n; i++) {
        const struct policy_port *p = ports->port[i].policy;

        if (policy_port_owns(p, &a))
            return &ports->port[i];
    }
    return NULL;
}

struct port *ports_towards(struct ports *ports, const struct addr *target)
{
    struct port *gateway = NULL;

    for (unsigned i = 0; i < ports->n; i++) {
        enum port_reach r = policy_port_reach(ports->port[i].policy, target);

        if (r == PORT_ON_LINK)
            return &ports->port[i];
        if (r == PORT_GATEWAY && !gateway)
            gateway = &ports->port[i];
    }
    return gateway;
}

struct addr port_source(const struct port *port, const struct addr *target)
{
    return target->sa.sa_family == AF_INET ? port->policy->v4 : port->policy->v6[0];
}

static void tuple_end(uint8_t ip[16], uint16_t *port, const struct addr *a)
{
    if (a->sa.sa_family == AF_INET)
        memcpy(ip, &a->in4.sin_addr, 4);
    else
        memcpy(ip, &a->in6.sin6_addr, 16);
    *port = htons(addr_port(a));
}

struct tuple ports_tuple(const struct addr *own, const struct addr *target)
{
    struct tuple t;

    memset(&t, 0, sizeof t);
    t.v6 = own->sa.sa_family == AF_INET6;
    tuple_end(t.remote, &t.remote_port, target);
    tuple_end(t.local, &t.local_port, own);
    return t;
}

bool ports_answer_here(const struct ports *ports, const struct port *port, const struct tuple *t)
{
    return ports->lanes->n == 1 ||
           steer_home(&ports->lanes->steer, t, port->spread) == ports->worker;
}
