/* crew_look: looking for keys: one thread, one key at a time. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "dataplane/base/clock.h"
#include "handshake/token/crew_parts.h"

#define BACKOFF_MS  500 /* doubles */
#define BACKOFF_MAX 15000
#define AGAIN       3 /* starts of a module that shows no token */
#define AGAIN_MS    200

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
        rc = crew_thread(&w->thread, crew_work, w);
        c->n_workers += !rc;
    }
    return here > 1 || !rc ? 0 : rc;
}

static void rest(void)
{
    const struct timespec t = {.tv_nsec = AGAIN_MS * 1000000L};

    nanosleep(&t, NULL);
}

/*
 * Modules look for tokens when they are started, some only then, and one that is started while
 * another process writes to the same token may miss it. So as long as no token is in use here, and
 * nobody else in the module, it is started again before it is believed.
 */
static int find_slot(struct crew *c, const struct tokenkey *k, CK_SLOT_ID *slot, struct err *e)
{
    int rc = device_find(c->module, k, slot, e);

    for (unsigned i = 0; i < AGAIN && rc == -ENODEV && !c->devices[0].module; i++) {
        rest();
        module_end(c->module);
        module_start(c->module);
        rc = device_find(c->module, k, slot, e);
    }
    return rc;
}

static int find_device(struct crew *c, const struct tokenkey *k, struct device **d, struct err *e)
{
    CK_SLOT_ID slot;
    int rc = find_slot(c, k, &slot, e);

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

/* A token that another process uses just then may stumble; a PIN that it refused is not a stumble.
 */
static int find_key(struct crew *c, struct tokenkey *k, struct device **d, CK_OBJECT_HANDLE *handle,
                    struct err *e)
{
    int rc = -EIO;

    for (unsigned i = 0; i <= AGAIN && rc == -EIO; i++) {
        if (i)
            rest();
        rc = find_device(c, k, d, e);
        if (!rc)
            rc = device_raise(*d, k, handle, e);
    }
    return rc;
}

static void raise_one(struct crew *c, struct tokenkey *k)
{
    CK_OBJECT_HANDLE handle = 0;
    struct device *d = NULL;
    struct err e = {.what = ""};
    int rc = find_key(c, k, &d, &handle, &e);

    pthread_mutex_lock(&c->lock);
    settle(k, rc, d, handle, &e);
    k->next = c->done;
    c->done = k;
    c->raising_ms = 0;
    pthread_mutex_unlock(&c->lock);
    crew_wake(c);
}

void *crew_look(void *arg)
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
