/*
 * tails: the ends of a connection's two queues, of segments to be sent and of those under way.
 *
 * Why: lwIP walks either queue to its end for every write and for everything that it sends: with
 * windows of hundreds of segments that costs more than all else of TCP. Here the end is known, and
 * lwIP is shown the queue from there on (dpdk.mk gives two of its functions other names, so that
 * ours are called). Most of the rest is by the segment: lwIP makes long ones, which leave as
 * several frames (cut), and are split where the window ends. Owner: the worker's thread; the ends
 * are in demux's entries.
 * Never: trusts an end beyond what empties its queue, or while segments are sent again.
 */
#ifndef PENSTOCK_DPDK_TAILS_H
#define PENSTOCK_DPDK_TAILS_H

#include <stdbool.h>
#include <lwip/tcp.h>

/* tcp_write(). */
err_t tails_write(struct tcp_pcb *pcb, const void *data, u16_t n, u8_t flags);
/* Its queues are changed otherwise: their ends are looked for the next time. */
void tails_forget(struct tcp_pcb *pcb);

#endif
