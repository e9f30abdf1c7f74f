/*
 * ring: one io_uring for each worker: accepting, readiness, and the loop.
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
#include "dataplane/uring/move.h"

struct accept_set { /* the listening sockets of one revision */
    struct list node;
    uint32_t epoch;
    unsigned n, armed;
    bool closing;
    uint64_t rearm_ms; /* out of descriptors: try again then; 0: no */
    struct {
        int fd;
        bool armed;
        struct addr addr;
    } listener[];
};

enum ring_channel { RING_HANDOFF, RING_QUERY, RING_INBOX, RING_CHANNELS };

#define RING_ROUND 256 /* events taken before timers and turns */

struct ring_event {
    uint64_t user_data;
    int res;
    unsigned flags;
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
    struct ring_event later[RING_ROUND]; /* of no session: they wait behind those that are; */
    unsigned later_first, later_n;       /* a queue in a circle */
    struct mover mover;
    uint32_t accept_epoch;
    uint32_t busy_us; /* see busy.h; */
    uint64_t busy_ms; /* not before this time, others need the processor */
};

/* Set up the ring (on the worker's thread). 0, or -errno with *e saying how to mend it. self: a
 * struct ring, as struct engine wants it. */
int ring_init(void *self, struct worker *w, struct err *e);
void ring_fini(void *self);
/* Run until told to stop. */
void ring_run(void *self);

/* Ask once for readability (writability) of a leg; harmless if already asked. */
void ring_arm_in(struct ring *r, struct session *s, struct leg *leg);
void ring_arm_out(struct ring *r, struct session *s, struct leg *leg);
/* Take back what is asked for a leg (its events may still come and are then dropped). */
void ring_disarm(struct ring *r, struct session *s, struct leg *leg);
/* Serve these listening sockets from now on; takes the descriptors. addrs as in the policy. */
int ring_listen(struct ring *r, const struct policy *p, const int *fds, unsigned n);
void ring_stop_listening(struct ring *r);

/* A channel's descriptor changed (-1: none): watch the new one. */
void ring_watch(struct ring *r, enum ring_channel which, int fd);

/* The socket implementation of the core's net. */
extern const struct net_ops uring_net;

static inline struct ring *ring_of(struct worker *w)
{
    return w->ring;
}

#endif
