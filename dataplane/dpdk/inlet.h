/*
 * inlet: frames that a port received, on their way to lwIP.
 *
 * Why: a frame becomes a pbuf without a copy; whether it is of our network and its sums are right
 * is known before lwIP sees it, and a run of segments is one for it. What came in a burst waits for
 * its end, so that the connections of all are looked up at once.
 * Owner: the worker's thread, with its set of ports.
 * Never: more packets held than the pool can spare; beyond that they are copied to the heap, and
 * dropped (to be sent again) beyond a limit.
 */
#ifndef PENSTOCK_DPDK_INLET_H
#define PENSTOCK_DPDK_INLET_H

#include <stdbool.h>
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/merge.h"

struct pbuf;
struct port;
struct ports;
struct rte_mbuf;

#define INLET_RUNS DEMUX_AHEAD

struct inlet_run { /* segments in a row, or a frame by itself */
    struct port *port;
    struct pbuf *first, *last;
    struct merge merged;
    uint16_t right; /* sums that lwIP need not look at */
};

struct inlet { /* of one worker: what came, in its order */
    struct inlet_run run[INLET_RUNS];
    unsigned n;
    bool open; /* the last of them may go on */
};

/* Takes the frame. low: the pool is, the frame must not be kept. */
void inlet_take(struct ports *ports, struct port *port, struct rte_mbuf *m, bool low);
/* The burst is over: what waits goes to lwIP. */
void inlet_flush(struct ports *ports);

#endif
