/*
 * ring: one io_uring for each worker: readiness, and the loop.
 *
 * Why: the ring tells which of thousands of descriptors have work and takes new interest in
 * batches, one system call a round; the bytes themselves move by plain non-blocking calls, which
 * cost 0.1 us and work the same on plain and kernel-TLS sockets. (A single-shot recv in the ring
 * spawns a kernel thread for each kernel-TLS socket that holds a partial record, on 6.1.) Owner:
 * created and used by its worker's thread. Every armed operation counts in session->inflight.
 * Never: frees a session with an operation in flight.
 */
#ifndef PENSTOCK_URING_RING_H
#define PENSTOCK_URING_RING_H

#include <liburing.h>
#include "dataplane/base/err.h"
#include "dataplane/core/worker.h"
#include "dataplane/uring/hold.h"
#include "dataplane/uring/move.h"

enum ring_channel { RING_HANDOFF, RING_QUERY, RING_INBOX, RING_CHANNELS };

/* user_data: op (8 bits) | leg and its epoch (8) | slot (24) | generation (16) | 0 (8), or for
 * listeners and channels: op (8) | epoch (24) | index (32). */
enum ring_op { OP_DROP, OP_ACCEPT, OP_IN, OP_OUT, OP_CHANNEL };

#define RING_ROUND 256 /* events taken before timers and turns */
#define RING_LATER (RING_ROUND + HOLD_POLLS)

struct ring_event {
    uint64_t user_data;
    int res;
};

struct ring {
    struct io_uring u;
    struct worker *w;
    struct list accept_sets; /* the last one is current */
    struct {
        int fd;
        uint8_t epoch;
        bool armed;
        bool out; /* asked for writability too */
    } channel[RING_CHANNELS];
    struct ring_event later[RING_LATER]; /* of no session: they wait behind those that are; */
    unsigned later_first, later_n;       /* a queue in a circle */
    struct hold hold;
    struct mover mover;
    uint32_t accept_epoch;
    uint64_t heard_ms; /* when a session that is no stranger last had an event */
    uint32_t busy_us;  /* see busy.h; */
    uint64_t busy_ms;  /* not before this time, others need the processor */
};

/* Set up the ring (on the worker's thread). 0, or -errno with *e saying how to mend it. self: a
 * struct ring, as struct engine wants it. */
int ring_init(void *self, struct worker *w, struct err *e);
void ring_fini(void *self);
/* Run until told to stop: one round after the other. */
void ring_run(void *self);
void ring_round(struct ring *r);

/* Ask once for readability (writability) of a leg; harmless if already asked. */
void ring_arm_in(struct ring *r, struct session *s, struct leg *leg);
void ring_arm_out(struct ring *r, struct session *s, struct leg *leg);
/* Take back what is asked for a leg (its events may still come and are then dropped). */
void ring_disarm(struct ring *r, struct session *s, struct leg *leg);
/* Ask once for these events of a descriptor. patient: it may be held back (hold.h). */
void ring_poll(struct ring *r, int fd, unsigned events, uint64_t user_data, bool patient);
/* Take it back. True: no event of it comes; false: one that ends it is on its way. */
bool ring_unpoll(struct ring *r, uint64_t user_data);

/* A channel's descriptor changed (-1: none): watch the new one. */
void ring_watch(struct ring *r, enum ring_channel which, int fd);

/* The socket implementation of the core's net. */
extern const struct net_ops uring_net;

/* Finished work that the kernel will tell of when it is asked. */
static inline bool ring_untold(const struct ring *r)
{
    return IO_URING_READ_ONCE(*r->u.sq.kflags) & IORING_SQ_TASKRUN;
}

#define RING_STEPS 4 /* of strangers, before they give way in mid-round */

/* Did strangers have their steps, while somebody who goes before them has an event? */
static inline bool ring_enough(const struct ring *r, unsigned steps)
{
    return steps >= RING_STEPS && (ring_untold(r) || io_uring_cq_ready(&r->u) > 0);
}

static inline uint64_t ring_tag(enum ring_op op, uint32_t epoch, uint32_t index)
{
    return (uint64_t)op << 56 | (uint64_t)(epoch & 0xffffff) << 32 | index;
}

static inline struct ring *ring_of(struct worker *w)
{
    return w->ring;
}

#endif
