#include "mgmt/model/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job {
    pthread_mutex_t lock;
    pthread_cond_t done;
    atomic_int refs; /* the thread's and the caller's */
    bool finished;
    int gai;
    struct addrinfo *list;
    char host[256], port[8];
};

static void put(struct job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    if (j->list)
        freeaddrinfo(j->list);
    pthread_cond_destroy(&j->done);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

static void *look_up(void *arg)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    struct job *j = arg;
    int gai = getaddrinfo(j->host, j->port, &hints, &list);

    pthread_mutex_lock(&j->lock);
    j->gai = gai;
    j->list = gai ? NULL : list;
    j->finished = true;
    pthread_cond_signal(&j->done);
    pthread_mutex_unlock(&j->lock);
    put(j);
    return NULL;
}

static struct job *job_new(const char *host, uint16_t port)
{
    struct job *j = calloc(1, sizeof *j);
    pthread_condattr_t attr;

    if (!j)
        return NULL;
    snprintf(j->host, sizeof j->host, "%s", host);
    snprintf(j->port, sizeof j->port, "%u", port);
    atomic_init(&j->refs, 2);
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->done, &attr);
    pthread_condattr_destroy(&attr);
    return j;
}

/* Signals stay with the caller's thread. */
static int start(struct job *j)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_t thread;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    rc = pthread_create(&thread, &attr, look_up, j);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

static bool wait_for(struct job *j, int timeout_ms)
{
    struct timespec end;
    bool finished;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_ms / 1000;
    end.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&j->lock);
    while (!j->finished && !rc)
        rc = pthread_cond_timedwait(&j->done, &j->lock, &end);
    finished = j->finished;
    pthread_mutex_unlock(&j->lock);
    return finished;
}

static int copy(const struct job *j, struct addr *out, size_t *n)
{
    *n = 0;
    for (const struct addrinfo *a = j->list; a; a = a->ai_next) {
        struct addr addr = {.len = a->ai_addrlen};

        if (a->ai_addrlen != sizeof addr.in4 && a->ai_addrlen != sizeof addr.in6)
            continue;
        if (*n == RESOLVE_ADDRESSES_MAX)
            return -E2BIG;
        memcpy(&addr.sa, a->ai_addr, a->ai_addrlen);
        out[(*n)++] = addr;
    }
    return *n ? 0 : -ENOENT;
}

int resolve_host(const char *host, uint16_t port, int timeout_ms,
                 struct addr out[RESOLVE_ADDRESSES_MAX], size_t *n, const char **why)
{
    struct job *j;
    int rc;

    *why = "out of memory";
    j = job_new(host, port);
    rc = j ? start(j) : -ENOMEM;
    if (rc) {
        if (j) {
            put(j);
            put(j);
        }
        return rc;
    }
    if (!wait_for(j, timeout_ms)) {
        *why = "no answer in time";
        rc = -ETIMEDOUT;
    } else if (j->gai) {
        *why = gai_strerror(j->gai);
        rc = -ENOENT;
    } else {
        rc = copy(j, out, n);
        *why = rc == -E2BIG ? "too many addresses" : "no address";
    }
    put(j);
    return rc;
}
