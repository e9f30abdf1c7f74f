#include "handshake/token/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"

#define STACK_SIZE  (512 * 1024) /* locked in memory; modules want some */
#define BACKOFF_MS  500          /* doubles */
#define BACKOFF_MAX 15000

enum job_state { FREE, WAITING, RUNNING, DONE, TAKEN };

struct job {
    struct crew_job result;
    enum job_state state;
    struct tokenkey *key; /* held */
    struct device *device;
    const struct sign_scheme *scheme;
    uint8_t *text;
    size_t n_text;
    uint64_t since_ms; /* WAITING: asked; RUNNING: begun */
    uint64_t order;
};

struct crew;

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

static int start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    rc = -pthread_create(thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return rc;
}

static void wake(struct crew *c)
{
    const uint64_t one = 1;

    if (write(c->wake, &one, sizeof(one)) < 0)
        log_event(LOG_ERROR, "token_wake", "error=\"%s\"", strerror(errno));
}

/* ---- looking for keys ---- */

/* The device of a slot, with its workers; NULL: there are too many. Under the lock. */
static struct device *device_of(struct crew *c, CK_SLOT_ID slot)
{
    for (unsigned i = 0; i < CREW_DEVICES; i++) {
        struct device *d = &c->devices[i];

        if (d->module && d->slot == slot)
            return d;
        if (!d->module) {
            device_init(d, c->module, slot);
            return d;
        }
    }
    return NULL;
}

static void *work(void *arg);

/* Under the lock. One worker will do, if there is no memory for more. */
static int man(struct crew *c, struct device *d)
{
    unsigned here = 0;
    int rc = 0;

    for (unsigned i = 0; i < c->n_workers; i++)
        here += c->workers[i].device == d;
    for (; here < CREW_WORKERS && !rc; here++) {
        struct worker *w = &c->workers[c->n_workers];

        *w = (struct worker){.crew = c, .device = d};
        rc = start(&w->thread, work, w);
        c->n_workers += !rc;
    }
    return here > 1 || !rc ? 0 : rc;
}

static int find_device(struct crew *c, const struct tokenkey *k, struct device **d, struct err *e)
{
    CK_SLOT_ID slot;
    int rc = device_find(c->module, k, &slot, e);

    if (rc)
        return rc;
    pthread_mutex_lock(&c->lock);
    *d = device_of(c, slot);
    rc = *d ? man(c, *d) : -ENOSPC;
    pthread_mutex_unlock(&c->lock);
    return rc ? err_set(e, rc, k->where, "use fewer tokens, or free memory",
                        "the token can not be served (%s)", strerror(-rc))
              : 0;
}

static uint64_t backoff_ms(unsigned failures)
{
    uint64_t ms = BACKOFF_MS;

    while (failures-- && ms < BACKOFF_MAX)
        ms *= 2;
    return ms < BACKOFF_MAX ? ms : BACKOFF_MAX;
}

/* Under the lock. */
static void settle(struct tokenkey *k, int rc, struct device *d, CK_OBJECT_HANDLE handle,
                   const struct err *e)
{
    k->raising = false;
    k->raised = true;
    if (!rc) {
        k->state = TOKENKEY_UP;
        k->device = d;
        k->handle = handle;
        k->failures = 0;
        return;
    }
    k->state = rc == -EACCES ? TOKENKEY_REFUSED : TOKENKEY_AWAY;
    k->why = *e;
    k->due_ms = clock_mono_ms() + backoff_ms(k->failures++);
}

static void raise_one(struct crew *c, struct tokenkey *k)
{
    CK_OBJECT_HANDLE handle = 0;
    struct device *d = NULL;
    struct err e = {.what = ""};
    int rc;

    rc = find_device(c, k, &d, &e);
    if (!rc)
        rc = device_raise(d, k, &handle, &e);
    pthread_mutex_lock(&c->lock);
    settle(k, rc, d, handle, &e);
    k->next = c->done;
    c->done = k;
    c->raising_ms = 0;
    pthread_mutex_unlock(&c->lock);
    wake(c);
}

static void *look(void *arg)
{
    struct crew *c = arg;

    pthread_mutex_lock(&c->lock);
    while (!c->quit) {
        struct tokenkey *k = c->wanted;

        if (!k) {
            pthread_cond_wait(&c->work, &c->lock);
            continue;
        }
        c->wanted = k->next;
        c->raising_ms = clock_mono_ms();
        pthread_mutex_unlock(&c->lock);
        raise_one(c, k);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    OPENSSL_thread_stop();
    return NULL;
}

void crew_raise(struct crew *c, struct tokenkey *k)
{
    struct tokenkey **end = &c->wanted;

    pthread_mutex_lock(&c->lock);
    if (!k->raising && !k->raised && k->state == TOKENKEY_AWAY) {
        k->raising = true;
        k->next = NULL;
        while (*end)
            end = &(*end)->next;
        *end = tokenkey_hold(k);
        pthread_cond_broadcast(&c->work);
    }
    pthread_mutex_unlock(&c->lock);
}

struct tokenkey *crew_next_key(struct crew *c)
{
    struct tokenkey *k;

    pthread_mutex_lock(&c->lock);
    k = c->done;
    if (k) {
        c->done = k->next;
        k->raised = false;
    }
    pthread_mutex_unlock(&c->lock);
    return k;
}

/* ---- signatures ---- */

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
static void lose(struct crew *c, struct tokenkey *k, CK_RV rv)
{
    if (k->state != TOKENKEY_UP)
        return;
    k->state = TOKENKEY_AWAY;
    k->due_ms = clock_mono_ms();
    err_set(&k->why, -EIO, k->where, "see that the token is plugged in or reachable",
            "the token signs no more (%s)", module_error(rv));
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
    bool late = clock_mono_ms() - j->since_ms > CREW_WAIT_MS, lost = false;
    CK_RV rv = CKR_OK;
    int rc = -ETIMEDOUT;

    j->since_ms = clock_mono_ms();
    j->state = RUNNING;
    pthread_mutex_unlock(&c->lock);
    j->result.n_signature = sizeof(j->result.signature);
    if (!late)
        rc = device_sign(j->device, s, k, &handle, j->scheme, j->text, j->n_text,
                         j->result.signature, &j->result.n_signature, &rv, &lost);
    pthread_mutex_lock(&c->lock);
    j->result.error = -rc;
    if (rc)
        j->result.n_signature = 0;
    if (!rc && handle != was && k->handle == was)
        k->handle = handle;
    if (lost)
        lose(c, k, rv);
    j->state = DONE;
    wake(c);
}

static void *work(void *arg)
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
    j->since_ms = clock_mono_ms();
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

static void clear_job(struct job *j)
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
            clear_job(j);
        if (j->state == DONE && !found) {
            j->state = TAKEN;
            found = &j->result;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return found;
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
        stuck |= c->jobs[i].state == RUNNING && now_ms > c->jobs[i].since_ms + CREW_STUCK_MS;
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
    int rc = c->wake < 0 ? -EMFILE : start(&c->steward, look, c);

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
            clear_job(&c->jobs[i]);
    }
    for (unsigned i = 0; i < CREW_DEVICES; i++)
        device_fini(&c->devices[i]);
    if (c->wake >= 0)
        close(c->wake);
    pthread_cond_destroy(&c->work);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
