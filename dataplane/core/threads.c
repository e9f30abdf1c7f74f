#include "dataplane/core/threads.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/control_send.h"

#define SESSIONS_DEFAULT 100000 /* of each worker; pages are touched when used */
#define FDS_PER_SESSION  2
#define FDS_SPARE        1024 /* listeners, channels, checks */

struct thread {
    pthread_t id;
    int cpu;
    struct worker *w;
    const struct engine *engine;
    void *self; /* engine->size bytes */
    struct err err;
    pthread_barrier_t *ready;
    int rc;
};

static int worker_init(struct worker *w, unsigned index, struct shared *shared)
{
    int rc = pool_init(&w->sessions, sizeof(struct session), shared->sessions_max);

    if (rc)
        return rc;
    rc = timers_init(&w->timers, shared->sessions_max);
    if (rc) {
        pool_fini(&w->sessions);
        return rc;
    }
    w->now_ms = clock_mono_ms();
    w->wall_s = clock_wall_s();
    w->index = shared->first_worker + index;
    w->shared = shared;
    w->hs.fd = -1;
    notices_init(&w->notices);
    w->query_fd = -1;
    list_init(&w->ready);
    list_init(&w->dead);
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
    t->rc = t->engine->init(t->self, t->w, &t->err);
    pthread_barrier_wait(t->ready);
    if (t->rc)
        return NULL;
    t->engine->run(t->self);
    t->engine->fini(t->self);
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

static int thread_start(struct thread *t, unsigned i, struct control *c, const cpu_set_t *set)
{
    int rc;

    t->self = calloc(1, t->engine->size);
    t->w = calloc(1, sizeof *t->w);
    rc = t->w && t->self ? worker_init(t->w, i, c->shared) : -ENOMEM;
    if (rc) {
        log_event(LOG_ERROR, "worker_memory", "worker=%u error=\"%s\"", i, strerror(-rc));
        return rc;
    }
    t->w->inbox = &c->worker[i];
    t->w->to_main = &c->inbox;
    t->cpu = c->shared->dpdk ? c->shared->dpdk->lcores[i] : cpu_at(set, i, c->shared->n_workers);
    return -pthread_create(&t->id, NULL, worker_main, t);
}

static int start_all(struct thread *threads, struct control *c, const struct engine *engine,
                     pthread_barrier_t *ready)
{
    unsigned n = c->shared->n_workers;
    cpu_set_t set;

    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    for (unsigned i = 0; i < n; i++) {
        int rc;

        threads[i].engine = engine;
        threads[i].ready = ready;
        rc = thread_start(&threads[i], i, c, &set);
        if (rc)
            return rc;
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

int threads_shared(struct shared *shared)
{
    registry_init(&shared->registry);
    peers_init(&shared->peers);
    shared->sessions_max = sessions_max(shared->n_workers);
    return sources_init(&shared->sources);
}

int threads_run(struct control *c, const struct engine *engine)
{
    unsigned n = c->shared->n_workers;
    struct thread *threads = calloc(n, sizeof *threads);
    pthread_barrier_t ready;
    int rc;

    if (!threads)
        return 1;
    pthread_barrier_init(&ready, NULL, n + 1);
    rc = start_all(threads, c, engine, &ready);
    if (rc)
        _exit(1); /* threads may wait for each other: leave as a whole */
    rc = control_send_number(c->fd, CONTROL_READY, 0);
    if (!rc)
        rc = control_run(c);
    /* Keys are wiped with the sessions; what a vanished launcher leaves goes with the process. */
    if (rc)
        _exit(1);
    for (unsigned i = 0; i < n; i++) {
        inbox_post(&c->worker[i], note_new(NOTE_STOP));
        pthread_join(threads[i].id, NULL);
        gate_put(threads[i].w->gate);
        pool_fini(&threads[i].w->sessions);
        timers_fini(&threads[i].w->timers);
        notices_fini(&threads[i].w->notices);
        iobuf_cache_fini(&threads[i].w->iobufs);
        free(threads[i].w);
        free(threads[i].self);
    }
    pthread_barrier_destroy(&ready);
    free(threads);
    return 0;
}
