/* crew_sign: signatures: the jobs, and the workers of each token. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "dataplane/base/clock.h"
#include "handshake/token/crew_parts.h"

/* The oldest that waits for the device. Under the lock. */
static struct job *next_job(struct crew *c, const struct device *d)
{
    struct job *best = NULL;

    for (unsigned i = 0; i < CREW_JOBS; i++) {
        struct job *j = &c->jobs[i];

        if (j->state == WAITING && j->device == d && (!best || j->order < best->order))
            best = j;
    }
    return best;
}

/* Under the lock: the key has to be looked for again. */
static void lose(struct crew *c, struct tokenkey *k, const char *why)
{
    if (k->state != TOKENKEY_UP)
        return;
    k->state = TOKENKEY_AWAY;
    k->due_ms = clock_mono_ms();
    err_set(&k->why, -EIO, k->where, "see that the token is plugged in or reachable",
            "the token signs no more (%s)", why);
    if (k->raised || k->raising)
        return; /* the loop will hear of it */
    k->raised = true;
    k->next = c->done;
    c->done = tokenkey_hold(k);
}

static void run_job(struct crew *c, struct device_session *s, struct job *j)
{
    struct tokenkey *k = j->key;
    CK_OBJECT_HANDLE handle = k->handle, was = handle;
    bool lost = false;
    CK_RV rv = CKR_OK;
    int rc;

    j->begun_ms = clock_mono_ms();
    j->state = RUNNING;
    pthread_mutex_unlock(&c->lock);
    j->result.n_signature = sizeof(j->result.signature);
    rc = device_sign(j->device, s, k, &handle, j->scheme, j->text, j->n_text, j->result.signature,
                     &j->result.n_signature, &rv, &lost);
    pthread_mutex_lock(&c->lock);
    j->result.error = -rc;
    if (rc)
        j->result.n_signature = 0;
    if (!rc && handle != was && k->handle == was)
        k->handle = handle;
    if (lost)
        lose(c, k, module_error(rv));
    j->state = DONE;
    crew_wake(c);
}

void crew_give_up(struct crew *c, uint64_t now_ms)
{
    bool any = false;

    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < CREW_JOBS; i++) {
        struct job *j = &c->jobs[i];

        if (j->state == RUNNING && now_ms > j->begun_ms + CREW_LATE_MS)
            lose(c, j->key, "it takes too long"); /* the call itself can not be called off */
        if (j->state != WAITING || now_ms <= j->asked_ms + CREW_LATE_MS)
            continue;
        j->result.error = ETIMEDOUT;
        j->result.n_signature = 0;
        j->state = DONE;
        any = true;
    }
    pthread_mutex_unlock(&c->lock);
    if (any)
        crew_wake(c);
}

void *crew_work(void *arg)
{
    struct worker *w = arg;
    struct device_session s = {0};
    struct crew *c = w->crew;

    pthread_mutex_lock(&c->lock);
    while (!c->quit) {
        struct job *j = next_job(c, w->device);

        if (j)
            run_job(c, &s, j);
        else
            pthread_cond_wait(&c->work, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    OPENSSL_thread_stop();
    return NULL;
}

static struct job *free_job(struct crew *c)
{
    for (unsigned i = 0; i < CREW_JOBS; i++) {
        if (c->jobs[i].state == FREE)
            return &c->jobs[i];
    }
    return NULL;
}

/* Under the lock. */
static int put_job(struct crew *c, uint32_t request, struct tokenkey *k,
                   const struct sign_scheme *scheme, const uint8_t *text, size_t n)
{
    struct job *j = free_job(c);

    if (k->state != TOKENKEY_UP)
        return -EIO;
    if (!j)
        return -EBUSY;
    j->text = malloc(n ? n : 1);
    if (!j->text)
        return -ENOMEM;
    memcpy(j->text, text, n);
    j->n_text = n;
    j->result.request = request;
    j->key = tokenkey_hold(k);
    j->device = k->device;
    j->scheme = scheme;
    j->asked_ms = clock_mono_ms();
    j->order = ++c->orders;
    j->state = WAITING;
    pthread_cond_broadcast(&c->work);
    return 0;
}

int crew_sign(struct crew *c, uint32_t request, struct tokenkey *k, uint16_t scheme,
              const uint8_t *text, size_t n)
{
    const struct sign_scheme *row = scheme ? sign_find(k->kind, scheme) : NULL;
    int rc;

    if (!row)
        return -EPERM;
    pthread_mutex_lock(&c->lock);
    rc = put_job(c, request, k, row, text, n);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void crew_clear_job(struct job *j)
{
    tokenkey_drop(j->key);
    free(j->text);
    *j = (struct job){.state = FREE};
}

const struct crew_job *crew_next_job(struct crew *c)
{
    const struct crew_job *found = NULL;

    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < CREW_JOBS; i++) {
        struct job *j = &c->jobs[i];

        if (j->state == TAKEN)
            crew_clear_job(j);
        if (j->state == DONE && !found) {
            j->state = TAKEN;
            found = &j->result;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}
