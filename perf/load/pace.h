/*
 * pace: when each piece of work at a fixed rate is meant to happen.
 *
 * Why: latency counts from the moment a request was due, not from when a busy generator or a full
 * gateway let it go; else a stall hides every request that should have been made during it. Owner:
 * one process; several share a rate by taking every n-th piece each. Never: skips a piece or
 * drifts: the moment of piece i is computed from i, not from the moment before.
 */
#ifndef PENSTOCK_LOAD_PACE_H
#define PENSTOCK_LOAD_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
    uint64_t start_ns;
    double rate;     /* pieces a second, of all processes together */
    uint64_t next;   /* the number of this process's next piece */
    uint32_t stride; /* processes that share the rate */
};

/* Process number `which` of `stride` begins at start_ns; rate is above 0. */
void pace_start(struct pace *p, uint64_t start_ns, double rate, uint32_t which, uint32_t stride);
/* When the next piece is due. */
uint64_t pace_next_ns(const struct pace *p);
/* Take the next piece if it is due at now_ns: true, and *due_ns is when it was. */
bool pace_take(struct pace *p, uint64_t now_ns, uint64_t *due_ns);

#endif
