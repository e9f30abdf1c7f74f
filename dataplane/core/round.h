/*
 * round: what every turn of a worker's loop does besides its net's events.
 *
 * Why: clock, deadlines, fairness and burials are the same whether events come from a ring or from
 * polled ports. Owner: the worker's thread.
 */
#ifndef PENSTOCK_CORE_ROUND_H
#define PENSTOCK_CORE_ROUND_H

#include "dataplane/core/worker.h"

#define ROUND_TICK_MS 1000

/* Take the time, before events; once a second look at every session. */
void round_clock(struct worker *w);
/* After events: deadlines, turns of those that stopped for fairness, peers, the dead. */
void round_end(struct worker *w);
/* How long the net may wait for an event: 0 when there is work. */
uint64_t round_wait_ms(const struct worker *w);

#endif
