/*
 * mend: what lwIP does wrong, put right around it; its source stays as it is.
 *
 * Why: see each function. Owner: the worker's thread.
 */
#ifndef PENSTOCK_DPDK_MEND_H
#define PENSTOCK_DPDK_MEND_H

#include <stdint.h>

struct tcp_pcb;

/*
 * An acknowledgement's own number: the far end may have taken its window back (Linux does when its
 * memory is full), and what lies beyond is dropped whole, with what it acknowledges. Where neither
 * end hears the other any more, both wait for good. So around a call that sends one, the next
 * number is none beyond the window's edge: mend_back(pcb, mend_number(pcb)).
 */
uint32_t mend_number(struct tcp_pcb *pcb);
/* tcp_abort(), with a reset that the far end believes there too. */
void mend_abort(struct tcp_pcb *pcb);
void mend_back(struct tcp_pcb *pcb, uint32_t next);

#endif
