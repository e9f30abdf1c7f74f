/*
 * port: Ethernet ports of DPDK, each a network interface of lwIP.
 *
 * Why: frames come by polling and go in batches; a received frame becomes a pbuf without a copy.
 * Owner: made by main before the sandbox (devices need privilege), a set for each worker's thread.
 * Never: more packet memory than the pool that was sized at start; what a slow session holds back
 * moves to the heap when the pool runs low, and is dropped (to be sent again) beyond a limit.
 */
#ifndef PENSTOCK_DPDK_PORT_H
#define PENSTOCK_DPDK_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include "dataplane/base/err.h"
#include "dataplane/base/list.h"
#include "dataplane/dpdk/inlet.h"
#include "dataplane/dpdk/lanes.h"
#include "dataplane/wire/policy.h"
#include "dataplane/wire/query.h"

struct rte_mbuf;
struct rte_mempool;

struct ports;

#define PORT_BURST 64   /* frames taken or given at once */
#define PORT_TX    1024 /* frames that wait for a device */

enum port_refusal {                  /* why a received frame went no further */
                    REFUSED_FOREIGN, /* of another VLAN, or no whole frame */
                    REFUSED_SUM,
                    REFUSED_FRAME,  /* nothing that the stack is shown, or out of place (demux) */
                    REFUSED_MEMORY, /* too many packets are held by those who do not read */
                    REFUSED_LANE,   /* its worker has too many to take */
                    PORT_REFUSALS
};

struct port {
    const struct policy_port *policy; /* in the policy that ports_open() was given */
    struct ports *ports;
    uint16_t id;     /* DPDK's */
    uint16_t queues; /* in use, each way; the i-th is worker i's */
    uint16_t spread; /* entries of the table by which frames find their worker */
    uint16_t first_tx, n_tx;
    bool rx_checks;  /* the device judges sums of what it receives, */
    bool tx_sums;    /* and makes TCP's of what it sends */
    bool rx_trusted; /* nobody judges them: a load generator's, whose line is memory */
    struct netif netif;
    ip6_addr_t gateway6;
    struct rte_mempool *pool;
    struct rte_mbuf *tx[PORT_TX]; /* a ring */
    struct list waiting;          /* connections with segments for which there was no room in it */
    uint64_t refused[PORT_REFUSALS];
    uint64_t rx_frames, tx_frames, tx_waits, tx_resent, tx_refused;
};

struct ports { /* as one worker has them */
    struct rte_mempool *pool;
    struct lanes *lanes;
    unsigned worker; /* which, from 0 */
    struct inlet inlet;
    uint32_t heap_held; /* bytes of received packets that were moved to the heap */
    unsigned n;
    struct port port[POLICY_PORTS_MAX];
};

/*
 * Start DPDK with these devices (once in a process), and the ports' links: a set of ports for each
 * of p->n_lcores workers. p must live as long as the ports. 0, or -errno with *e for the operator.
 */
int ports_open(struct ports *ports, const struct policy_dpdk *p, struct err *e);
/*
 * Wait up to ms for the other ends of shared memory interfaces: meeting them takes sockets, which
 * the sandbox forbids. 0, or -ENOTCONN with *e.
 */
int ports_await(const struct ports *ports, unsigned ms, struct err *e);
/* Take one burst from every port and put it through lwIP. How many frames came. */
unsigned ports_poll(struct ports *ports);
/* Send what was put out since. */
void ports_flush(struct ports *ports);

/* What came and went, and why not; the device's own counts are told by its first worker. */
void ports_count(const struct ports *ports, struct query_stats *st);

/* How many frames fit into the batch now. */
unsigned port_room(struct port *port);
/* Takes the frame; there must be room. */
void port_put(struct port *port, struct rte_mbuf *m);
void port_mac(const struct port *port, uint8_t mac[6]);

/* The port that has this address, or from which it is reached (its network, then a gateway); NULL:
 * none. */
struct port *ports_with(struct ports *ports, const struct addr *own);
struct port *ports_towards(struct ports *ports, const struct addr *target);
/* Our address on that port of the target's family; len 0: none. */
struct addr port_source(const struct port *port, const struct addr *target);
/* The answers to a connection from own to target, */
struct tuple ports_tuple(const struct addr *own, const struct addr *target);
/* and do they come to this worker? */
bool ports_answer_here(const struct ports *ports, const struct port *port, const struct tuple *t);

#endif
