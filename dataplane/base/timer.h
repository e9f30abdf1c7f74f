/*
 * timer: deadlines in a binary heap.
 *
 * Why: one worker holds one pending deadline per session; the loop asks for the next one and
 * sleeps. Owner: one thread. A timer is embedded in its object and must be cancelled before that is
 * freed. Never: calls back; the loop takes due timers with timers_pop() and acts on them.
 */
#ifndef PENSTOCK_BASE_TIMER_H
#define PENSTOCK_BASE_TIMER_H

#include <stddef.h>
#include <stdint.h>

struct timer {
    uint64_t due_ms; /* monotonic */
    size_t slot;     /* 1-based place in the heap; 0: not pending */
};

struct timers {
    struct timer **heap;
    size_t count, cap;
};

/* Room for at most cap pending timers. 0 or -ENOMEM. */
int timers_init(struct timers *t, size_t cap);
void timers_fini(struct timers *t);
/* Set or move the deadline. The heap has room for every object by construction (checked). */
void timers_set(struct timers *t, struct timer *tm, uint64_t due_ms);
void timers_cancel(struct timers *t, struct timer *tm); /* harmless if not pending */
/* Take one timer that is due at now_ms out of the heap, or NULL. */
struct timer *timers_pop(struct timers *t, uint64_t now_ms);
/* Milliseconds from now_ms to the next deadline (0 if past), or max_ms if there is none sooner. */
uint64_t timers_wait_ms(const struct timers *t, uint64_t now_ms, uint64_t max_ms);

#endif
