#include "handshake/token/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "handshake/token/crew_parts.h"

#define STACK_SIZE (512 * 1024) /* locked in memory; modules want some */

int crew_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    rc = -pthread_create(thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return rc;
}

void crew_wake(struct crew *c)
{
    const uint64_t one = 1;

    if (write(c->wake, &one, sizeof(one)) < 0)
        log_event(LOG_ERROR, "token_wake", "error=\"%s\"", strerror(errno));
}

/* ---- how it stands ---- */

enum tokenkey_state crew_state(struct crew *c, const struct tokenkey *k, struct err *why)
{
    enum tokenkey_state state;

    pthread_mutex_lock(&c->lock);
    state = k->state;
    if (why && state != TOKENKEY_UP)
        *why = k->why;
    pthread_mutex_unlock(&c->lock);
    return state;
}

bool crew_is_due(struct crew *c, const struct tokenkey *k, uint64_t now_ms, unsigned *failures)
{
    bool due;

    pthread_mutex_lock(&c->lock);
    due = k->state == TOKENKEY_AWAY && !k->raising && !k->raised && now_ms >= k->due_ms;
    if (failures)
        *failures = k->failures;
    pthread_mutex_unlock(&c->lock);
    return due;
}

void crew_forbid(struct crew *c, struct tokenkey *k)
{
    pthread_mutex_lock(&c->lock);
    k->state = TOKENKEY_REFUSED;
    err_set(&k->why, -EACCES, k->where,
            "write the token's PIN into the file of pin-source, then reload",
            "the token refused this PIN before: it is not tried again");
    pthread_mutex_unlock(&c->lock);
}

bool crew_stuck(struct crew *c, uint64_t now_ms)
{
    bool stuck;

    pthread_mutex_lock(&c->lock);
    stuck = c->raising_ms && now_ms > c->raising_ms + CREW_STUCK_MS;
    for (unsigned i = 0; i < CREW_JOBS; i++)
        stuck |= c->jobs[i].state == RUNNING && now_ms > c->jobs[i].begun_ms + CREW_STUCK_MS;
    pthread_mutex_unlock(&c->lock);
    return stuck;
}

bool crew_busy(struct crew *c)
{
    bool busy;

    pthread_mutex_lock(&c->lock);
    busy = c->raising_ms || c->wanted || c->done;
    for (unsigned i = 0; i < CREW_JOBS; i++)
        busy |= c->jobs[i].state != FREE;
    pthread_mutex_unlock(&c->lock);
    return busy;
}

int crew_wake_fd(const struct crew *c)
{
    return c->wake;
}

void crew_woken(struct crew *c)
{
    uint64_t count;

    if (read(c->wake, &count, sizeof(count)) < 0)
        return; /* somebody else was faster, or nobody called: the lists tell */
}

/* ---- begin and end ---- */

struct crew *crew_new(struct module *m)
{
    struct crew *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->module = m;
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->work, NULL);
    return c;
}

int crew_start(struct crew *c)
{
    int rc = c->wake < 0 ? -EMFILE : crew_thread(&c->steward, crew_look, c);

    c->has_steward = !rc;
    return rc;
}

static void drop_list(struct tokenkey **list)
{
    while (*list) {
        struct tokenkey *k = *list;

        *list = k->next;
        tokenkey_drop(k);
    }
}

void crew_free(struct crew *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->quit = true;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->lock);
    if (c->has_steward)
        pthread_join(c->steward, NULL);
    for (unsigned i = 0; i < c->n_workers; i++)
        pthread_join(c->workers[i].thread, NULL);
    drop_list(&c->wanted);
    drop_list(&c->done);
    for (unsigned i = 0; i < CREW_JOBS; i++) {
        if (c->jobs[i].state != FREE)
            crew_clear_job(&c->jobs[i]);
    }
    for (unsigned i = 0; i < CREW_DEVICES; i++)
        device_fini(&c->devices[i]);
    if (c->wake >= 0)
        close(c->wake);
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
