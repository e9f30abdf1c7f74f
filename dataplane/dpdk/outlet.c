#include "dataplane/dpdk/outlet.h"

#include <string.h>
#include <lwip/priv/tcp_priv.h>
#include <rte_mbuf.h>
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/sums.h"
#include "dataplane/dpdk/tails.h"

#define SPARE 64 /* frames of the batch that are for what bears no data: acknowledgements, ARP */

struct leaving {           /* a frame that lwIP gives */
    struct demux_entry *e; /* our connection that it is of */
    const uint8_t *tcp;    /* its TCP header */
    uint32_t seq;
    bool bare; /* no data */
};

static struct leaving look(const struct pbuf *p)
{
    struct leaving l = {.bare = true};
    struct tuple seen, t;

    if (frame_kind(p->payload, p->len, &seen, &l.tcp) != FRAME_SEGMENT)
        return l;
    t = frame_turned(&seen);
    l.e = demux_find(&t);
    l.seq = frame_be32(l.tcp + 4);
    l.bare = l.tcp + (l.tcp[12] >> 4) * 4 >= (const uint8_t *)p->payload + p->tot_len;
    return l;
}

static bool was_sent(const struct pbuf *p)
{
    struct leaving l = look(p);

    return l.e && !l.bare && TCP_SEQ_LT(l.seq, l.e->pcb->snd_nxt);
}

static err_t no_room(struct port *port, struct demux_entry *e)
{
    port->tx_waits++;
    if (e && list_empty(&e->waits))
        list_push(&port->waiting, &e->waits);
    return ERR_MEM;
}

void outlet_begin(struct netif *netif)
{
    struct port *port = netif->state;

    list_init(&port->waiting);
    if (port->tx_sums)
        netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
}

err_t outlet_send(struct netif *netif, struct pbuf *p)
{
    struct port *port = netif->state;
    unsigned room = port_room(port);
    struct rte_mbuf *m;

    if (!room || (room <= SPARE && !look(p).bare))
        return no_room(port, look(p).e);
    m = rte_pktmbuf_alloc(port->pool);
    if (!m)
        return no_room(port, look(p).e);
    if (rte_pktmbuf_tailroom(m) < p->tot_len) {
        rte_pktmbuf_free(m);
        return ERR_BUF;
    }
    for (const struct pbuf *q = p; q; q = q->next)
        memcpy(rte_pktmbuf_append(m, q->len), q->payload, q->len);
    if (port->tx_sums)
        sums_leave(m);
    port_put(port, m);
    if (tails_again())
        port->tx_resent += was_sent(p);
    return ERR_OK;
}

/* One turn: who finds no room again waits for the next. */
static bool resume(struct port *port)
{
    struct list turn;
    bool any = false;

    list_init(&turn);
    list_join(&turn, &port->waiting);
    while (!list_empty(&turn) && port_room(port) > PORT_TX / 2) {
        struct demux_entry *e = list_entry(turn.next, struct demux_entry, waits);

        list_remove(&e->waits);
        tcp_output(e->pcb);
        any = true;
    }
    list_join(&port->waiting, &turn);
    return any;
}

bool outlet_resume(struct ports *ports)
{
    bool any = false;

    for (unsigned i = 0; i < ports->n; i++)
        if (!list_empty(&ports->port[i].waiting))
            any |= resume(&ports->port[i]);
    return any;
}
