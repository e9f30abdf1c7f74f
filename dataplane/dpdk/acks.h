/*
 * acks: an acknowledgement waits for the end of the turn.
 *
 * Why: lwIP acknowledges a record when it came, and again when it was read and the window is open:
 * a frame each. Put off, they go with data that leaves meanwhile, or as one frame once all have
 * read. Frames of a turn are sent at its end anyway, so nobody waits longer. What tells of a gap,
 * and what is said while a connection begins or ends, is not put off.
 * Owner: the worker's thread, with demux's entries.
 * Never: forgets one, or keeps it beyond a turn.
 */
#ifndef PENSTOCK_DPDK_ACKS_H
#define PENSTOCK_DPDK_ACKS_H

struct demux_entry;

/* Before any connection is known. */
void acks_init(void);
/* Before lwIP is asked to send: what it would acknowledge now is owed. */
void acks_put_off(struct demux_entry *e);
/* It has sent data, and nothing is owed any more. */
void acks_carried(struct demux_entry *e);
/* The turn is over: what is owed goes out. */
void acks_send(void);

#endif
