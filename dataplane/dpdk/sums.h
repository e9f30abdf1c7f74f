/*
 * sums: the TCP sum of a frame that is to be sent, left to the device.
 *
 * Why: DPDK wants to be told by each frame what its device is to do, and where. Only TCP's: lwIP
 * makes the sum of an IPv4 header from what it writes there anyway, and virtio can not make it.
 * Owner: pure functions over a frame that nobody else has.
 */
#ifndef PENSTOCK_DPDK_SUMS_H
#define PENSTOCK_DPDK_SUMS_H

struct rte_mbuf;

/*
 * Of a whole frame as lwIP gives it, in one piece. A segment gets the sum of its pseudo header
 * (over whatever is there) and the device's orders; other frames stay as they are.
 */
void sums_leave(struct rte_mbuf *m);

#endif
