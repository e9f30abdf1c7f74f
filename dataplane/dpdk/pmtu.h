/*
 * pmtu: how large packets to a far end may be, as the routers on the way say.
 *
 * Why: lwIP sends IPv4 to be cut up on the way, keeps an IPv6 path's size for later connections
 * only, and takes it from any stranger, however small. RFC 1191, 8201; RFC 5927 says whom to
 * believe: who quotes a number that is under way. Who tells nothing is found out by time-outs.
 * Owner: the worker's thread. Never: segments smaller than those of an MTU of 552 (IPv4) and 1280.
 */
#ifndef PENSTOCK_DPDK_PMTU_H
#define PENSTOCK_DPDK_PMTU_H

#include <stdint.h>

struct tcp_pcb;

void pmtu_init(void);
/* The largest segment for the way to pcb's far end, as far as is known: UINT16_MAX. */
uint16_t pmtu_known(const struct tcp_pcb *pcb);
/*
 * A router could not pass on a packet of pcb's; tcp is the header that it quotes, where
 * frame_kind() found it. The largest segment from now on; no less than pcb's: not to be believed.
 */
uint16_t pmtu_told(const struct tcp_pcb *pcb, const uint8_t *tcp);
/* The same where a long segment was sent again and again and nobody answers. RFC 2923 2.1 */
uint16_t pmtu_guess(const struct tcp_pcb *pcb);
/* What waits and what is under way is cut, and sent. -ENOMEM: some of it is too large still. */
int pmtu_cut(struct tcp_pcb *pcb, uint16_t mss);

#endif
