/*
 * slice: short turns on the processor, for processes that share a core and hand work to each other.
 *
 * Why: weights (nice) decide who gets how much; how long one who wakes up must wait for whoever
 * runs is decided by the length of turns, and without them by the next tick, 4 ms away. A worker
 * asks for short turns, and its handshake process for the same and gives way after each message:
 * then an established session waits for one step of a handshake at most. Owner: the calling thread
 * and what it starts. Never: takes more than its share; fails (a kernel before 6.12 does not know
 * of it).
 */
#ifndef PENSTOCK_BASE_SLICE_H
#define PENSTOCK_BASE_SLICE_H

/* Ask for turns of 0.1 ms from now on. Before the sandbox. */
void slice_short(void);
/* Let those go first who wait for this processor and are due. */
void slice_give_way(void);

#endif
