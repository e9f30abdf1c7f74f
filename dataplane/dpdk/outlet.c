#include "dataplane/dpdk/outlet.h"

#include <lwip/priv/tcp_priv.h>
#include <rte_mbuf.h>
#include "dataplane/base/check.h"
#include "dataplane/dpdk/cut.h"
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/sums.h"

#define SPARE 64 /* frames of the batch that are for what bears no data: acknowledgements, ARP */

/* Our connection that a segment is of; NULL: it is of none, or no segment. */
static struct demux_entry *entry_of(const struct cut *c)
{
    const uint8_t *tcp;
    struct tuple seen, t;

    if (!c->is_tcp || frame_kind(c->head, c->n_head, &seen, &tcp) != FRAME_SEGMENT)
        return NULL;
    t = frame_turned(&seen);
    return demux_find(&t);
}

static err_t no_room(struct port *port, const struct cut *c)
{
    struct demux_entry *e = entry_of(c);

    port->tx_waits++;
    if (e && list_empty(&e->waits))
        list_push(&port->waiting, &e->waits);
    return ERR_MEM;
}

void outlet_begin(struct netif *netif)
{
    struct port *port = netif->state;

    list_init(&port->waiting);
    netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
}

/* Data leaves in frames as its way takes them, without what the far end has. True: it is sent
 * again. */
static bool measure(struct cut *c)
{
    struct demux_entry *e = c->left ? entry_of(c) : NULL;

    if (!e || !e->mss)
        return false;
    cut_to(c, e->mss);
    cut_skip(c, e->pcb->lastack);
    return TCP_SEQ_LT(c->seq, e->pcb->snd_nxt);
}

err_t outlet_send(struct netif *netif, struct pbuf *p)
{
    struct rte_mbuf *m[CUT_FRAMES];
    struct port *port = netif->state;
    struct cut c;
    unsigned n;
    bool again;

    cut_begin(&c, p, !port->tx_sums);
    again = measure(&c);
    n = cut_frames(&c);
    check(n <= CUT_FRAMES);
    if (port_room(port) < n + (c.is_tcp && c.left ? SPARE : 0) ||
        rte_pktmbuf_alloc_bulk(port->pool, m, n))
        return no_room(port, &c);
    if (rte_pktmbuf_tailroom(m[0]) < cut_size(&c)) {
        rte_pktmbuf_free_bulk(m, n);
        return ERR_BUF;
    }
    for (unsigned i = 0; i < n; i++) {
        m[i]->data_len = (uint16_t)cut_next(&c, rte_pktmbuf_mtod(m[i], uint8_t *));
        m[i]->pkt_len = m[i]->data_len;
        if (port->tx_sums)
            sums_leave(m[i]);
        port_put(port, m[i]);
    }
    port->tx_resent += again ? n : 0;
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
