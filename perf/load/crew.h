/*
 * crew: one process of the generator: its sessions, its loop, and the steps of a run.
 *
 * Why: a process is single-threaded and shares nothing but its tally, so that several of them on
 * several cores need no locks. What a mode does with sessions stands in a table of functions; the
 * steps are the same for all: SETUP (held sessions come up), READY (until all processes are), RUN
 * (warm-up, then the measured window), DRAIN (what is under way ends), DONE.
 * Owner: its process. Never: runs past the window's end by more than the drain limit.
 */
#ifndef PENSTOCK_LOAD_CREW_H
#define PENSTOCK_LOAD_CREW_H

#include "dataplane/base/timer.h"
#include "perf/load/creds.h"
#include "perf/load/options.h"
#include "perf/load/pace.h"
#include "perf/load/stream.h"
#include "perf/load/tally.h"
#include "perf/load/task.h"

#define CREW_DRAIN_MS 3000

struct crew {
    const struct options *o;
    const struct mode *mode;
    struct creds *creds;
    struct tally *tally;
    uint32_t which;                 /* number of this process */
    uint32_t sessions, concurrency; /* its shares */
    struct stream_env env;
    struct stream *streams;
    uint32_t count;
    struct timers timers;
    struct list free; /* slots */
    struct list rest; /* open sessions without a request out, in turn */
    struct pace pace;
    enum tally_step step;
    bool measuring; /* the window has begun */
    uint64_t go_ns, begin_ns, end_ns, drain_ns;
    uint64_t cpu_begin_ns;
    uint64_t started;   /* attempts */
    uint32_t under_way; /* attempts not yet greeted, nor failed */
    uint32_t open;      /* sessions */
    uint32_t requests;  /* out */
};

/* What makes a mode; every function may be NULL. */
struct mode {
    bool held; /* its sessions come up before the run and last until its end */
    void (*task)(const struct options *o, struct task *t);
    void (*begin)(struct crew *c);                    /* RUN begins */
    void (*turn)(struct crew *c);                     /* once a turn of the loop, RUN and DRAIN */
    uint64_t (*next_ns)(const struct crew *c);        /* when it has something to do unasked */
    void (*opened)(struct crew *c, struct stream *s); /* the backend greeted */
    void (*content)(struct crew *c, struct stream *s, const uint8_t *data, size_t n);
    void (*writable)(struct crew *c, struct stream *s);          /* an eager one has room */
    void (*gone)(struct crew *c, struct stream *s, bool failed); /* an established one ended */
    bool (*quiet)(const struct crew *c); /* DRAIN: nothing is owed, sessions may end */
    void (*settle)(struct crew *c);      /* after DRAIN: count what is still owed */
};

extern const struct mode mode_handshakes, mode_churn, mode_bulk, mode_trip, mode_idle;

/* Run as process number `which`: returns when DONE. 0 or -ENOMEM (told on stderr). */
int crew_run(const struct options *o, struct creds *creds, struct tally *tally, uint32_t which);

/* For modes: begin an attempt that was due then; false: no slot is free. */
bool crew_attempt(struct crew *c, uint64_t due_ns);
/* Count the time since due_ns in h if that lies in the window. */
void crew_record(struct crew *c, struct hist *h, uint64_t due_ns);
/* Set a stream's deadline to the options' timeout from now. */
void crew_deadline(struct crew *c, struct stream *s);
uint64_t crew_now_ns(void);
/* What process `which` of `of` gets of a total; the first ones get the remainder. */
uint32_t crew_share(uint32_t total, uint32_t which, uint32_t of);

#endif
