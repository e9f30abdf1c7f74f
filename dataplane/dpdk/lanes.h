/*
 * lanes: what the workers of one process share about their ports, and how they hand frames over.
 *
 * Why: a frame may come by a queue that another worker than its connection's polls: it goes over a
 * ring, and a worker that sleeps is woken. Owner: made by main before the sandbox; rings take from
 * every worker and give to one. Never: waits; a frame for a full ring is dropped, to be sent again.
 */
#ifndef PENSTOCK_DPDK_LANES_H
#define PENSTOCK_DPDK_LANES_H

#include <pthread.h>
#include <stdatomic.h>
#include "dataplane/dpdk/steer.h"
#include "dataplane/wire/policy.h"

struct rte_mbuf;
struct rte_ring;

struct lane { /* one worker's */
    struct rte_ring *ring;
    int wake_fd; /* an eventfd, written while asleep is true */
    _Atomic bool asleep;
};

struct lanes {
    unsigned n;
    struct steer steer;
    struct lane lane[POLICY_LCORES_MAX];
    pthread_mutex_t send[POLICY_PORTS_MAX]; /* held where workers share a port's queues */
};

/* For n workers. 0 or -errno. */
int lanes_init(struct lanes *l, unsigned n);
/* The frame goes to that worker; it is freed if its ring is full (false). */
bool lanes_hand(struct lanes *l, unsigned worker, struct rte_mbuf *m);
/* Up to max frames that were handed to that worker. */
unsigned lanes_take(struct lanes *l, unsigned worker, struct rte_mbuf **m, unsigned max);
/*
 * Around a wait on wake_fd. False: there is something to take already, so do not wait. rang: the
 * wait found it readable.
 */
bool lanes_sleep(struct lanes *l, unsigned worker);
void lanes_woken(struct lanes *l, unsigned worker, bool rang);

#endif
