/*
 * worker: everything that one data-plane thread may touch, and what all threads share.
 *
 * Why: one worker owns a session for life; sharing is by the few counted, locked or atomic things
 * in struct shared, and by messages. Owner: struct worker is its thread's; struct shared belongs to
 * the main thread and outlives workers.
 */
#ifndef PENSTOCK_CORE_WORKER_H
#define PENSTOCK_CORE_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/pool.h"
#include "dataplane/base/timer.h"
#include "dataplane/core/bucket.h"
#include "dataplane/core/gate.h"
#include "dataplane/core/hsclient.h"
#include "dataplane/core/iobuf.h"
#include "dataplane/core/notices.h"
#include "dataplane/core/peers.h"
#include "dataplane/core/session.h"
#include "dataplane/wire/suite.h"

#define WORKERS_MAX 64

/* What the start-up probe found this kernel can do for TLS. */
struct ktls_ability {
    bool usable;          /* the ULP attaches */
    bool suite[2][3];     /* [0] TLS 1.2, [1] TLS 1.3; by enum aead */
    bool rekey;           /* a second install is taken as a KeyUpdate */
    bool splice_lossless; /* kTLS to pipe loses nothing */
    char why[96];         /* why not usable */
};

struct shared {
    struct registry registry;
    struct peers peers;
    struct sources sources;
    struct ktls_ability ktls;
    unsigned n_workers;
    uint32_t sessions_max;           /* of each worker */
    uint64_t rekey_records;          /* send a KeyUpdate before this many records */
    _Atomic uint32_t live;           /* sessions of all workers, winding down included */
    _Atomic uint64_t refused_logged; /* second << 32 | lines in it: failed handshakes */
};

/* What the layer below (sockets, or DPDK) does for the core. */
struct net_ops {
    /* Read what the handshake needs next on this leg and call flow_records(). */
    void (*read_records)(struct worker *w, struct session *s, struct leg *leg);
    /* Send handshake bytes as they are. 0 or -errno. */
    int (*send_raw)(struct worker *w, struct session *s, struct leg *leg, const uint8_t *data,
                    size_t n);
    /* Begin to connect the inner leg; flow_dialled() follows, now or later. */
    void (*dial)(struct worker *w, struct session *s, const struct policy_target *t);
    /* Choose an engine and install the keys in leg->rx/tx. 0, or -errno with leg->fault_text. */
    int (*install)(struct worker *w, struct session *s, struct leg *leg);
    /* Make a plain leg able to carry data. */
    void (*plain)(struct leg *leg);
    /* Send these bytes up before anything else (PROXY header). 0 or -errno. */
    int (*prefix)(struct worker *w, struct session *s, const uint8_t *data, size_t n);
    /* Both legs are ready. */
    void (*pump)(struct worker *w, struct session *s);
    /* Wind down: say last words where a leg has some, reset or close the rest; session_gone()
     * follows. */
    void (*wind_down)(struct worker *w, struct session *s);
    /* CLOSING took long enough. */
    void (*cut)(struct worker *w, struct session *s);
    /* Give up the dial in progress. */
    void (*dial_cancel)(struct worker *w, struct session *s);
};

struct worker {
    unsigned index;
    struct shared *shared;
    struct gate *gate; /* the running revision; NULL before the first */
    struct pool sessions;
    struct timers timers;
    struct iobuf_cache iobufs;
    struct hsclient hs;
    struct notices notices;
    struct list ready; /* sessions with work that no event will announce */
    const struct net_ops *net;
    void *ring; /* the net's own */
    uint64_t now_ms;
    int64_t wall_s;
    bool draining;
    bool checking;     /* peers of sessions are being looked at, */
    uint32_t check_at; /* from this slot on */
    void (*rejudge)(
        struct worker *w); /* tell the control thread: a verdict is of an old revision */
    const struct handoff_failed *evidence; /* of the session that is being refused, or NULL */
    _Atomic uint64_t reasons[REASON_COUNT];
    _Atomic uint64_t stale_ids;
    uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];    /* being sent, or a query's answer */
    uint8_t hs_message[CHAN_HEADER + CHAN_BODY_MAX]; /* being received; wiped after keys */
};

/* Begin to look at every session's peer: may it stay? A turn at a time, so that cutting thousands
 * does not hold up the others. */
void worker_check_begin(struct worker *w);
/* One turn of it. */
void worker_check_turn(struct worker *w);
/* Walk every live session; fn may end it. */
void worker_each_session(struct worker *w, void (*fn)(struct session *s));

#endif
