/*
 * threads: the workers of one data-plane process, from start to end.
 *
 * Why: a process of sockets and one of polled ports start, report and end in the same way; they
 * differ in the loop, which is a table. Owner: main. Never: returns while a worker still runs.
 */
#ifndef PENSTOCK_CORE_THREADS_H
#define PENSTOCK_CORE_THREADS_H

#include "dataplane/base/err.h"
#include "dataplane/core/control.h"

struct engine {  /* the loop of one worker */
    size_t size; /* of its own state, zeroed before init */
    /* On the worker's thread: sets w->net and w->ring. 0, or -errno with *e. */
    int (*init)(void *self, struct worker *w, struct err *e);
    void (*run)(void *self); /* until w->stop */
    void (*fini)(void *self);
};

/* Set up what all workers share; n_workers is set. 0 or -errno. */
int threads_shared(struct shared *shared);
/*
 * Start every worker, tell the launcher that this process is ready, serve it until it says
 * otherwise, and end the workers. 0, or 1: something failed.
 */
int threads_run(struct control *c, const struct engine *engine);

#endif
