#include "dataplane/dpdk/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include "dataplane/dpdk/inlet.h"
#include "dataplane/wire/policy_port.h"

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
        inlet_take(ports, port, m, low);
    else if (!lanes_hand(ports->lanes, home, m))
        port->refused[REFUSED_LANE]++;
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
        inlet_take(ports, &ports->port[m[k]->port], m[k], low);
    return n;
}

/* Its sum, or its copy, is next: whoever wrote the frame has it in another cache. */
static void fetch(struct rte_mbuf *m)
{
    const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
    const uint8_t *end = p + rte_pktmbuf_data_len(m);

    rte_prefetch0(rte_mbuf_to_priv(m));
    for (; p < end; p += RTE_CACHE_LINE_SIZE)
        rte_prefetch0(p);
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
    if (n)
        fetch(m[0]);
    for (uint16_t k = 0; k < n; k++) {
        if (k + 1 < n)
            fetch(m[k + 1]);
        if (ports->lanes->n > 1)
            sort(ports, i, m[k], low);
        else
            inlet_take(ports, port, m[k], low);
    }
    return n;
}

unsigned ports_poll(struct ports *ports)
{
    unsigned frames = 0;

    for (unsigned i = 0; i < ports->n; i++)
        frames += port_poll(ports, i);
    if (ports->lanes->n > 1)
        frames += take_handed(ports);
    inlet_flush(ports);
    return frames;
}

static void drop_first(struct port *port, uint16_t n)
{
    port->first_tx = (uint16_t)((port->first_tx + n) % PORT_TX);
    port->n_tx = (uint16_t)(port->n_tx - n);
}

/* How many of n frames the device can send; those whose sums it makes are made ready for it. */
static uint16_t prepare(const struct port *port, uint16_t queue, struct rte_mbuf **m, uint16_t n)
{
    return port->tx_sums && n ? rte_eth_tx_prepare(port->id, queue, m, n) : n;
}

/*
 * Give the device what waits; what it does not take now waits on. A frame that it can not send at
 * all would be in the way of the others for good.
 */
static void flush_to(struct port *port, uint16_t queue)
{
    uint16_t n, ready, sent;

    do {
        struct rte_mbuf **first = port->tx + port->first_tx;

        n = port->n_tx < PORT_TX - port->first_tx ? port->n_tx : PORT_TX - port->first_tx;
        ready = prepare(port, queue, first, n);
        sent = ready ? rte_eth_tx_burst(port->id, queue, first, ready) : 0;
        drop_first(port, sent);
        port->tx_frames += sent;
        if (sent == ready && ready < n) {
            rte_pktmbuf_free(first[ready]);
            drop_first(port, 1);
            port->tx_refused++;
        }
    } while (n && sent == ready);
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

_Static_assert(FRAMES_LANE - FRAMES_FOREIGN == REFUSED_LANE, "reasons have one order");

static void count_device(const struct port *port, uint64_t *frames)
{
    struct rte_eth_stats s;

    if (rte_eth_stats_get(port->id, &s))
        return;
    frames[FRAMES_MISSED] = s.imissed;
    frames[FRAMES_NO_MEMORY] = s.rx_nombuf;
    frames[FRAMES_BAD] = s.ierrors;
    frames[FRAMES_NOT_SENT] += s.oerrors;
}

void ports_count(const struct ports *ports, struct query_stats *st)
{
    for (unsigned i = 0; i < ports->n; i++) {
        const struct port *port = &ports->port[i];
        struct query_port_stats *q = &st->ports[st->n_ports++];

        snprintf(q->name, sizeof q->name, "%s", port->policy->name);
        q->frames[FRAMES_RECEIVED] = port->rx_frames;
        q->frames[FRAMES_SENT] = port->tx_frames;
        q->frames[FRAMES_NOT_SENT] = port->tx_refused;
        for (unsigned why = 0; why < PORT_REFUSALS; why++)
            q->frames[FRAMES_FOREIGN + why] = port->refused[why];
        if (ports->worker == 0)
            count_device(port, q->frames);
    }
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
