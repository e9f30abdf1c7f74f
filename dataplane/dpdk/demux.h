/*
 * demux: which connection a segment is for, in one look-up.
 *
 * Why: lwIP walks a list of all connections for every segment. For the length of one input the list
 * is taken away but for the one connection that the hash found, so that the walk is one step.
 * Half-open connections are kept in the order of their arrival: when they fill a listener, the
 * oldest makes room, so that a flood of SYNs costs a fixed amount and does not lock callers out.
 * Never: lets a segment reach lwIP unseen; its own walk would find the connection too.
 * Owner: the worker's thread; entries live and die with lwIP's connections, by its callbacks.
 */
#ifndef PENSTOCK_DPDK_DEMUX_H
#define PENSTOCK_DPDK_DEMUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/list.h"
#include "dataplane/dpdk/frame.h"

struct tcp_pcb;
struct tcp_seg;

#define DEMUX_AHEAD 64 /* connections that are looked for at once, at most */

struct demux_entry {       /* a connection of lwIP's */
    struct list node;      /* in its bucket */
    struct list half_open; /* until its handshake is done */
    struct list time_wait; /* once both ends have finished */
    struct list waits;     /* for room in a port's queue (outlet) */
    struct list acks;      /* it owes one, at the end of the turn (acks) */
    struct tuple tuple;
    struct tcp_pcb *pcb;
    struct tcp_pcb *before;                   /* it in lwIP's list, but for the first */
    struct tcp_seg *unsent_end, *unacked_end; /* NULL: not known (tails) */
    uint32_t challenged_ms;
    uint16_t mss; /* settled by the handshake; 0: not yet */
};

/* The table of this worker: lwIP is one instance in it, and so is this. 0 or -ENOMEM. */
int demux_init(void);
/* A listener's new connections are to be known. */
void demux_listen(struct tcp_pcb *listener);
/* A connection that was begun here, with both its ends set. 0 or -ENOMEM. */
int demux_add(struct tcp_pcb *pcb);
/* The connection of these ends; NULL: there is none. */
struct demux_entry *demux_find(const struct tuple *t);
/*
 * The connections of n segments, DEMUX_AHEAD at most; NULL: there is none. Memory comes for all of
 * them at once, and what their input looks at is on its way afterwards. An input may end them:
 * found[i] is good for demux_expect() then, and nothing else.
 */
void demux_ahead(const struct tuple *const *t, unsigned n, struct demux_entry **found);
/* The next that is looked for is this one, most likely. It may have ended; NULL: not known. */
void demux_expect(struct demux_entry *e);
/* Before lwIP is asked to end it: it finds what is first without a walk. */
void demux_front(struct tcp_pcb *pcb);
/* Its handshake is done. */
void demux_opened(struct tcp_pcb *pcb);
/* The next data that comes for it is acknowledged in this turn: it is that of several segments. */
void demux_ack_next(const struct tuple *t);
/* Time passes: is what it sent too large for a way whose routers do not say so? */
void demux_look(struct tcp_pcb *pcb);

/*
 * A frame of n bytes at p: give it to input(), with the list as short as can be. False: dropped,
 * and still the caller's (its sequence number is no neighbour of the connection's).
 */
bool demux_input(const uint8_t *p, size_t n, void (*input)(void *arg), void *arg);

#endif
