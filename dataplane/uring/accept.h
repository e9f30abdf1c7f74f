/*
 * accept: the listening sockets of a worker.
 *
 * Why: readiness comes from the ring, connections by plain calls, a bounded number a round: a burst
 * of thousands waits in the kernel's queue, where it costs nothing, and a revision that takes a
 * socket over finds it there. Owner: the ring's thread. Never: closes a socket that the ring still
 * watches.
 */
#ifndef PENSTOCK_URING_ACCEPT_H
#define PENSTOCK_URING_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/wire/policy.h"

struct ring;

/* Serve these listening sockets from now on; takes the descriptors. addrs as in the policy. */
int accept_listen(struct ring *r, const struct policy *p, const int *fds, unsigned n);
void accept_stop(struct ring *r);
/* A listener's event. */
void accept_event(struct ring *r, uint64_t user_data, int res);
/* After each round: listeners that ran out of descriptors are tried again when it is time. */
void accept_rearm(struct ring *r);
/* The most that the ring may wait, in ms: less when a listener is to be tried again. */
uint64_t accept_wait_ms(const struct ring *r, uint64_t wait_ms);

#endif
