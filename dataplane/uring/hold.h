/*
 * hold: what strangers wait for, looked at now and then while many handshakes are under way,
 * instead of at once.
 *
 * Why: in a storm every packet of every handshake would wake the worker, which takes the processor
 * from the handshake process, moves one step on, and wakes the ends it sends to one by one. Looked
 * at together, a few hundred microseconds later, they cost a fraction of it, and their latency is
 * that of the handshakes in front of them. Owner: the ring. Never: keeps back what an established
 * session waits for; keeps anything longer than HOLD_MOST_US, or HOLD_ALONE times that.
 */
#ifndef PENSTOCK_URING_HOLD_H
#define PENSTOCK_URING_HOLD_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define HOLD_FROM    4    /* handshakes under way, or it is no storm */
#define HOLD_EACH_US 60   /* for each of them: a fraction of what it costs */
#define HOLD_MOST_US 1500 /* and not more in all; */
#define HOLD_ALONE   2    /* times as long while there are only strangers */
#define HOLD_POLLS   256  /* one more is not kept back */
#define HOLD_LOOKS   32   /* in vain, and it is no storm's: a session at rest */

struct hold {
    struct pollfd poll[HOLD_POLLS];
    struct {
        uint64_t user_data;
        unsigned looks;
    } what[HOLD_POLLS]; /* beside it in poll[] */
    unsigned n, at;     /* who has the next turn */
    uint64_t until_us;  /* the next look */
};

/* Keep this one back. False: it is to be asked of the ring (under_way: handshakes). */
bool hold_put(struct hold *h, unsigned under_way, int fd, unsigned events, uint64_t user_data);
/* It is no longer wanted. False: it is not held. */
bool hold_drop(struct hold *h, uint64_t user_data);
/* Take one out that was looked at so many times at least. False: there is none. */
bool hold_take(struct hold *h, unsigned looks, struct pollfd *poll, uint64_t *user_data);

/* The time until the next look in us; UINT64_MAX when nothing is held. */
uint64_t hold_wait_us(const struct hold *h, uint64_t now_us);
/*
 * Look at all that is held; the next look is counted from now_us, and later if strangers are alone.
 * Then, until it is false: take out one that was seen to have events.
 */
void hold_look(struct hold *h, unsigned under_way, bool alone, uint64_t now_us);
bool hold_next(struct hold *h, uint64_t *user_data, int *events);
/* Not all was taken out: the next look is due now. */
void hold_hurry(struct hold *h);

#endif
