/*
 * quota: how much of the memory one connection may fill: received and not read, sent and not
 * acknowledged.
 *
 * Why: a few connections get windows for a long path, ten thousand together get no more than there
 * is: without it packets would be dropped for want of memory, and sent again, all the time.
 * Owner: pure, over lwIP's connection and how many there are.
 * Never: takes back a window that was announced; it closes as bytes come, and opens less.
 */
#ifndef PENSTOCK_DPDK_QUOTA_H
#define PENSTOCK_DPDK_QUOTA_H

#include <stddef.h>
#include <stdint.h>

struct tcp_pcb;

/* Of two records, headers and all: with a few bytes less, every second one would go, and come, in
 * two parts. */
#define QUOTA_LEAST (2u * (5 + 16384 + 256))

/* A new connection, one of n: *withheld is what its window is short of. */
void quota_begin(struct tcp_pcb *pcb, unsigned n, uint32_t *withheld);
/* Bytes were read: the window opens, as far as it may be open. */
void quota_read(struct tcp_pcb *pcb, unsigned n, uint32_t *withheld, size_t bytes);
/* Everything was read, and nothing more will be: lwIP may close without a reset. */
void quota_end(struct tcp_pcb *pcb);
/* *own is what it had sent and not acknowledged at the last count, *all is that of all connections:
 * count again. NULL: it is no more. */
void quota_count(const struct tcp_pcb *pcb, uint32_t *own, size_t *all);
/* Bytes that may be queued for sending now, where so much of all is. */
size_t quota_room(const struct tcp_pcb *pcb, unsigned n, size_t all);
/* So many that it is worth to look. */
size_t quota_worth(unsigned n, size_t all);
/* Of bytes that belong together, those that may be queued now: not a part of what will fit as a
 * whole as soon as it is worth to look. */
size_t quota_fit(const struct tcp_pcb *pcb, unsigned n, size_t all, size_t bytes);

#endif
