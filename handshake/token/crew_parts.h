/* crew_parts: private to crew*.c: what the threads share, under one lock. */
#ifndef PENSTOCK_TOKEN_CREW_PARTS_H
#define PENSTOCK_TOKEN_CREW_PARTS_H

#include "handshake/token/crew.h"

enum job_state { FREE, WAITING, RUNNING, DONE, TAKEN };

struct job {
    struct crew_job result;
    enum job_state state;
    struct tokenkey *key; /* held */
    struct device *device;
    const struct sign_scheme *scheme;
    uint8_t *text;
    size_t n_text;
    uint64_t asked_ms, begun_ms;
    uint64_t order;
};

struct worker {
    struct crew *crew;
    struct device *device;
    pthread_t thread;
};

struct crew {
    struct module *module;
    int wake;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t work;
    bool quit;
    struct job jobs[CREW_JOBS];
    uint64_t orders;
    struct tokenkey *wanted, *done; /* lists of held keys */
    uint64_t raising_ms;            /* when the steward's call began; 0: it has none */
    pthread_t steward;
    bool has_steward;
    struct device devices[CREW_DEVICES];
    struct worker workers[CREW_DEVICES * CREW_WORKERS];
    unsigned n_workers;
};

/* Start a thread. 0 or -errno. */
int crew_thread(pthread_t *thread, void *(*run)(void *), void *arg);
/* The loop has something to fetch. */
void crew_wake(struct crew *c);
void *crew_look(void *crew);   /* the one that looks for keys */
void *crew_work(void *worker); /* one that signs with a device's keys */
void crew_clear_job(struct job *j);

#endif
