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
#include <sys/types.h>
#include <sys/uio.h>
#include "dataplane/base/pool.h"
#include "dataplane/base/timer.h"
#include "dataplane/core/bucket.h"
#include "dataplane/core/gate.h"
#include "dataplane/core/hsclient.h"
#include "dataplane/core/inbox.h"
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
    unsigned first_worker;           /* of the whole gateway's: ours are numbered from here on */
    const struct policy_dpdk *dpdk;  /* the ports this process has open; NULL: it has sockets */
    uint32_t sessions_max;           /* of each worker */
    uint64_t rekey_records;          /* send a KeyUpdate before this many records */
    _Atomic uint32_t live;           /* sessions of all workers, winding down included */
    _Atomic uint64_t refused_logged; /* second << 32 | lines in it: failed handshakes */
};

/* What went from leg to leg below the core. */
struct moved {
    size_t n;           /* bytes that src gave */
    struct iobuf *rest; /* the last of them, which dst did not take yet: to be sent. Or NULL */
    int error;          /* 0, or -errno: dst failed */
};

/*
 * What the layer below (sockets, or DPDK) does for the core. A leg's `fd` is that layer's handle
 * of the connection: a descriptor, or an index of its own.
 */
struct net_ops {
    /* Read what is there into n pieces. >0, 0: the peer's FIN, -EAGAIN: nothing now, -errno. */
    ssize_t (*read)(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n);
    /* Send as much as fits now; the bytes are taken. >0, -EAGAIN: full, -errno. */
    ssize_t (*write)(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n);
    /*
     * Move what src has to dst without showing it to the core: LEG_DATA with *out filled (rest is
     * the caller's), LEG_AGAIN when nothing was moved (the usual way tells why), LEG_FAILED with
     * src's fault set. NULL where it can not be.
     */
    enum leg_event (*move)(struct worker *w, struct leg *src, struct leg *dst, struct moved *out);
    /* For a session that lasts: keep-alive, how long sent bytes may stay unacknowledged (0: off).
     */
    void (*options)(struct worker *w, struct leg *leg, uint32_t keepalive_s,
                    uint32_t user_timeout_s);
    /* FIN, behind what was written. */
    void (*finish)(struct worker *w, struct leg *leg);
    /* hang_up() is to reset the connection. */
    void (*reset)(struct worker *w, struct leg *leg);
    /* Let go of the connection; leg->fd is -1 after it. */
    void (*hang_up)(struct worker *w, struct leg *leg);
    /* Reset a connection that never became a session. Takes it. */
    void (*refuse)(struct worker *w, int fd);
    /* Call event_readable() (event_writable()) once when it is so; harmless if already asked. */
    void (*want_in)(struct worker *w, struct session *s, struct leg *leg);
    void (*want_out)(struct worker *w, struct session *s, struct leg *leg);
    /* Take both back: no event of the leg comes any more. */
    void (*unwant)(struct worker *w, struct session *s, struct leg *leg);
    /* Is there an event, or may there be one, that the worker has not looked at? */
    bool (*awaited)(struct worker *w);
    /* Begin to connect the inner leg; flow_dialled() follows, now or later. */
    void (*dial)(struct worker *w, struct session *s, const struct policy_target *t);
    /* The dialling leg became writable: it is connected, or failed. */
    void (*dial_writable)(struct worker *w, struct session *s);
    /* The launcher's answer for a unix: target. Takes fd (-1: error). */
    void (*dial_answered)(struct worker *w, uint64_t session, int fd, int error);
    /* Give up the dial in progress. */
    void (*dial_cancel)(struct worker *w, struct session *s);
    /* Choose an engine and install the keys in leg->rx/tx. 0, or -errno with leg->fault_text. */
    int (*install)(struct worker *w, struct session *s, struct leg *leg);
    /* Accept on the listeners of this policy from now on. Takes the n descriptors. 0 or -errno. */
    int (*listen)(struct worker *w, const struct policy *p, const int *fds, unsigned n);
    void (*stop_listening)(struct worker *w);
    /* The channel of mgmt's questions is this one now (-1: none). */
    void (*watch_query)(struct worker *w, int fd);
    /* What this worker knows of its ports' frames. NULL: there are none. */
    void (*count_frames)(struct worker *w, struct query_stats *st);
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
    struct list dead;  /* sessions in DRAINING with nothing in flight */
    struct inbox *inbox, *to_main;
    int query_fd; /* of mgmt's questions, or -1 */
    const struct net_ops *net;
    void *ring; /* the net's own */
    uint64_t now_ms, tick_ms;
    int64_t wall_s;
    bool draining;
    bool stop;                             /* leave the loop */
    bool checking;                         /* peers of sessions are being looked at, */
    uint32_t check_at;                     /* from this slot on */
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
