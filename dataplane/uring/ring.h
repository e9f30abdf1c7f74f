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
#include "dataplane/core/inbox.h"
#include "dataplane/core/worker.h"

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

struct ring {
    struct io_uring u;
    struct worker *w;
    struct inbox *inbox;
    struct inbox *to_main;
    struct list accept_sets; /* the last one is current */
    struct list dead;        /* sessions in DRAINING with nothing in flight */
    struct {
        int fd;
        uint8_t epoch;
        bool armed;
        bool out; /* asked for writability too */
    } channel[RING_CHANNELS];
    uint32_t accept_epoch;
    uint64_t tick_ms;
    bool stop;
};

/* Set up the ring (on the worker's thread). 0, or -errno with *e saying how to mend it. */
int ring_init(struct ring *r, struct worker *w, struct inbox *inbox, struct inbox *to_main,
              struct err *e);
void ring_fini(struct ring *r);
/* Run until told to stop. */
void ring_run(struct ring *r);

/* Ask once for readability (writability) of a leg; harmless if already asked. */
void ring_arm_in(struct ring *r, struct session *s, struct leg *leg);
void ring_arm_out(struct ring *r, struct session *s, struct leg *leg);
/* Take back what is asked for a leg (its events may still come and are then dropped). */
void ring_disarm(struct ring *r, struct session *s, struct leg *leg);
/* Have pump called again in this round's end without an event. */
void ring_ready(struct ring *r, struct session *s);
/* The session is in DRAINING: reap it when nothing is in flight. */
void ring_reap(struct ring *r, struct session *s);

/* Serve these listening sockets from now on; takes the descriptors. addrs as in the policy. */
int ring_listen(struct ring *r, const struct policy *p, const int *fds, unsigned n);
void ring_stop_listening(struct ring *r);

/* A channel's descriptor changed (-1: none): watch the new one. */
void ring_watch(struct ring *r, enum ring_channel which, int fd);

/* The loop's own events (notes.c): a channel has something; a session's turn of the second. */
void ring_channel_event(struct ring *r, unsigned which, int events);
void ring_tick_session(struct session *s);

/* The socket implementation of the core's net. */
extern const struct net_ops uring_net;
/* A leg is readable or writable (called by the loop). */
void uring_readable(struct worker *w, struct session *s, struct leg *leg);
void uring_writable(struct worker *w, struct session *s, struct leg *leg);
/* A session in the ready list has its turn. */
void uring_turn(struct worker *w, struct session *s);
/* Descriptors of a dead session are closed here. */
void uring_close(struct session *s);

static inline struct ring *ring_of(struct worker *w)
{
    return w->ring;
}

#endif
