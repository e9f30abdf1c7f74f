/*
 * penstock-dataplane: owns every connection and session key. One control thread (main) and one
 * worker thread for each core; see DESIGN.md.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/spawn.h"
#include "dataplane/core/control.h"
#include "dataplane/record/record.h"
#include "dataplane/uring/probe.h"
#include "dataplane/uring/ring.h"

#define SESSIONS_DEFAULT 100000 /* of each worker; pages are touched when used */
#define FDS_PER_SESSION  2
#define FDS_SPARE        1024       /* listeners, channels, checks */
#define REKEY_DEFAULT    (1u << 24) /* records; RFC 8446 5.5 allows about 2^24.5 with AES-GCM */

struct thread {
    pthread_t id;
    bool started;
    int cpu;
    struct worker *w;
    struct ring ring;
    struct inbox *inbox;
    struct control *control;
    struct err err;
    pthread_barrier_t *ready;
    int rc;
};

static void worker_rejudge(struct worker *w)
{
    struct note *n = note_new(NOTE_REJUDGE);

    if (n)
        inbox_post(ring_of(w)->to_main, n);
}

static int worker_init(struct worker *w, unsigned index, struct shared *shared)
{
    int rc = pool_init(&w->sessions, sizeof(struct session), shared->sessions_max);

    if (rc)
        return rc;
    rc = timers_init(&w->timers, shared->sessions_max);
    if (rc)
        return rc;
    w->index = index;
    w->shared = shared;
    w->hs.fd = -1;
    notices_init(&w->notices);
    w->rejudge = worker_rejudge;
    list_init(&w->ready);
    return 0;
}

static void pin(int cpu)
{
    cpu_set_t set;

    if (cpu < 0)
        return;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void *worker_main(void *arg)
{
    struct thread *t = arg;

    pin(t->cpu);
    t->rc = ring_init(&t->ring, t->w, t->inbox, &t->control->inbox, &t->err);
    pthread_barrier_wait(t->ready);
    if (t->rc)
        return NULL;
    ring_run(&t->ring);
    ring_fini(&t->ring);
    return NULL;
}

/* The i-th processor this process may run on, or -1 when workers outnumber processors. */
static int cpu_at(const cpu_set_t *set, unsigned i, unsigned n_workers)
{
    if (n_workers > (unsigned)CPU_COUNT(set))
        return -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((unsigned)cpu, set) && i-- == 0)
            return cpu;
    return -1;
}

static int threads_start(struct thread *threads, struct control *c, struct inbox *inboxes,
                         pthread_barrier_t *ready)
{
    unsigned n = c->shared->n_workers;
    cpu_set_t set;

    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    for (unsigned i = 0; i < n; i++) {
        struct thread *t = &threads[i];
        int rc;

        t->w = calloc(1, sizeof *t->w);
        rc = t->w ? worker_init(t->w, i, c->shared) : -ENOMEM;
        if (rc) {
            log_event(LOG_ERROR, "worker_memory", "worker=%u error=\"%s\"", i, strerror(-rc));
            return rc;
        }
        t->cpu = cpu_at(&set, i, n);
        t->inbox = &inboxes[i];
        t->control = c;
        t->ready = ready;
        rc = -pthread_create(&t->id, NULL, worker_main, t);
        if (rc)
            return rc;
        t->started = true;
    }
    pthread_barrier_wait(ready);
    for (unsigned i = 0; i < n; i++)
        if (threads[i].rc) {
            char text[1100];
            log_event(LOG_ERROR, "worker_failed", "worker=%u error=\"%s\"", i,
                      err_text(&threads[i].err, text, sizeof text));
            return threads[i].rc;
        }
    return 0;
}

static int usage(const char *what)
{
    fprintf(stderr, "penstock-dataplane: %s; it is started by penstockd\n", what);
    return 2;
}

static int parse_number(const char *s, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(s, &end, 10);
    return errno || *end || end == s || *out == 0 || *out > max ? -EINVAL : 0;
}

static int parse_args(int argc, char **argv, struct shared *shared)
{
    unsigned long n = 0, rekey = REKEY_DEFAULT;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--workers")) {
            if (parse_number(argv[i + 1], WORKERS_MAX, &n))
                return usage("--workers takes 1 to 64");
        } else if (!strcmp(argv[i], "--rekey-records")) {
            if (parse_number(argv[i + 1], REKEY_DEFAULT, &rekey))
                return usage("--rekey-records takes 1 to 16777216");
        } else {
            return usage("unknown option");
        }
    }
    if (argc % 2 == 0 || !n)
        return usage("--workers N is required");
    shared->n_workers = (unsigned)n;
    shared->rekey_records = rekey;
    return 0;
}

/* As many sessions as there can be descriptors for. */
static uint32_t sessions_max(unsigned n_workers)
{
    struct rlimit lim = {0};
    rlim_t can;

    getrlimit(RLIMIT_NOFILE, &lim);
    if (lim.rlim_cur < lim.rlim_max) {
        lim.rlim_cur = lim.rlim_max;
        setrlimit(RLIMIT_NOFILE, &lim);
    }
    can = lim.rlim_cur > FDS_SPARE ? (lim.rlim_cur - FDS_SPARE) / FDS_PER_SESSION / n_workers : 16;
    return can < SESSIONS_DEFAULT ? (uint32_t)can : SESSIONS_DEFAULT;
}

static int shared_init(struct shared *shared)
{
    registry_init(&shared->registry);
    peers_init(&shared->peers);
    shared->sessions_max = sessions_max(shared->n_workers);
    return sources_init(&shared->sources);
}

static int run(struct control *c, struct inbox *inboxes)
{
    unsigned n = c->shared->n_workers;
    struct thread *threads = calloc(n, sizeof *threads);
    pthread_barrier_t ready;
    uint8_t mem[16];
    struct buf b;
    int rc;

    if (!threads)
        return 1;
    pthread_barrier_init(&ready, NULL, n + 1);
    rc = threads_start(threads, c, inboxes, &ready);
    if (rc)
        _exit(1); /* threads may wait for each other: leave as a whole */
    buf_init(&b, mem, sizeof mem);
    control_put_number(&b, 0);
    rc = chan_send_wait(c->fd, CONTROL_READY, &b, NULL, 0, 5000);
    if (!rc)
        rc = control_run(c);
    /* Keys are wiped with the sessions; what a vanished launcher leaves goes with the process. */
    if (rc)
        _exit(1);
    for (unsigned i = 0; i < n; i++) {
        inbox_post(&inboxes[i], note_new(NOTE_STOP));
        pthread_join(threads[i].id, NULL);
        gate_put(threads[i].w->gate);
        pool_fini(&threads[i].w->sessions);
        timers_fini(&threads[i].w->timers);
        notices_fini(&threads[i].w->notices);
        iobuf_cache_fini(&threads[i].w->iobufs);
        free(threads[i].w);
    }
    pthread_barrier_destroy(&ready);
    free(threads);
    return 0;
}

int main(int argc, char **argv)
{
    static struct shared shared;
    static struct control control;
    struct inbox inboxes[WORKERS_MAX];
    struct err e;
    char text[1100];
    int rc = parse_args(argc, argv, &shared);

    if (rc)
        return rc;
    log_init("dataplane", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    rc = shared_init(&shared);
    for (unsigned i = 0; i < shared.n_workers && !rc; i++)
        rc = inbox_init(&inboxes[i]);
    if (!rc)
        rc = control_init(&control, SPAWN_CONTROL_FD, &shared, inboxes);
    if (!rc)
        rc = record_init();
    if (rc) {
        log_event(LOG_ERROR, "start_failed", "error=\"%s\"", strerror(-rc));
        return 1;
    }
    probe_ktls(&shared.ktls);
    if (sandbox_enter(SANDBOX_DATAPLANE, &e)) {
        log_event(LOG_ERROR, "sandbox_failed", "error=\"%s\"", err_text(&e, text, sizeof text));
        return 1;
    }
    rc = run(&control, inboxes);
    control_fini(&control);
    return rc;
}
