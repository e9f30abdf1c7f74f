/*
 * window: may a connection hear this segment?
 *
 * Why: lwIP takes a segment's acknowledgement and window before it looks whether the segment is in
 * the receive window at all, takes data without an acknowledgement or with one of what was never
 * sent, and trusts numbers half of the circle away with an assertion. So whoever guesses the ends
 * of a connection could stall it. RFC 9293 3.10.7.4 and RFC 5961 say what may be heard.
 * Owner: pure functions; the worker's thread.
 */
#ifndef PENSTOCK_DPDK_WINDOW_H
#define PENSTOCK_DPDK_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_pcb;

enum window_verdict {
    WINDOW_HEAR,
    WINDOW_DROP,
    WINDOW_CHALLENGE, /* dropped, and the sender is told where we are: an honest one resets */
};

/* Of the segment whose header is at tcp (20 bytes at least), for a connection before TIME-WAIT. */
enum window_verdict window_judge(const struct tcp_pcb *pcb, const uint8_t *tcp);
/*
 * A segment that is heard tells a smaller window with the numbers of the last that told one: lwIP
 * takes only a larger one then, and would send into what is closed for good. RFC 9293 3.10.7.4
 */
void window_take_back(struct tcp_pcb *pcb, const uint8_t *tcp);
/* May it begin a connection anew, in the place of one that is in TIME-WAIT? RFC 9293 3.6.1 */
bool window_begins_anew(const struct tcp_pcb *pcb, const uint8_t *tcp);

#endif
