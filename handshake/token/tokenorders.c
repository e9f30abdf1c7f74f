/*
 * tokenorders: what the launcher orders the token process to do: its channel, attachments, a change
 * in two phases. PREPARE is answered when all its keys were looked for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/control_send.h"
#include "dataplane/wire/policy_image.h"
#include "handshake/token/tokenring.h"

void tokenring_drop_attached(struct tokenring *t)
{
    for (uint32_t i = 0; i < t->n_files; i++) {
        if (t->files[i].fd >= 0)
            close(t->files[i].fd);
    }
    free(t->files);
    t->files = NULL;
    t->n_files = 0;
    if (t->image >= 0)
        close(t->image);
    t->image = -1;
}

void tokenring_free_set(struct tokenring_set **set)
{
    for (unsigned i = 0; *set && i < (*set)->n; i++)
        tokenkey_drop((*set)->keys[i].key);
    free(*set);
    *set = NULL;
}

static int order_channel(struct tokenring *t, struct chan_msg *m)
{
    struct control_channel c;

    int *fd;

    if (control_get_channel(&m->body, &c) || m->n_fds != 1 ||
        (c.kind != CHANNEL_TOKEN && c.kind != CHANNEL_TOKENSTATE))
        return -EPROTO;
    fd = c.kind == CHANNEL_TOKEN ? &t->keys : &t->mgmt;
    if (*fd >= 0)
        close(*fd);
    *fd = chan_msg_take_fd(m, 0);
    t->untold |= c.kind == CHANNEL_TOKENSTATE;
    return 0;
}

static int keep_file(struct tokenring *t, const struct control_attach *a, int fd)
{
    if (a->index >= TOKENRING_FILES_MAX)
        return -EPROTO;
    if (a->index >= t->n_files) {
        uint32_t n = a->index < 8 ? 8 : 2 * a->index;
        struct tokenring_file *files = realloc(t->files, n * sizeof(*files));

        if (!files)
            return -ENOMEM;
        for (uint32_t i = t->n_files; i < n; i++)
            files[i].fd = -1;
        t->files = files;
        t->n_files = n;
    }
    if (t->files[a->index].fd >= 0)
        return -EPROTO;
    t->files[a->index] = (struct tokenring_file){fd, a->token};
    return 0;
}

static int order_attach(struct tokenring *t, struct chan_msg *m)
{
    struct control_attach a;
    int fd, rc = -EPROTO;

    if (control_get_attach(&m->body, &a) || m->n_fds != 1)
        return -EPROTO;
    if (a.revision != t->revision)
        tokenring_drop_attached(t);
    t->revision = a.revision;
    fd = chan_msg_take_fd(m, 0);
    if (a.kind == ATTACH_IMAGE_KEYRING && t->image < 0) {
        t->image = fd;
        return 0;
    }
    if (a.kind == ATTACH_TOKEN_KEY)
        rc = keep_file(t, &a, fd);
    if (rc)
        close(fd);
    return rc;
}

/* The running revision's key, if it is this one. */
static struct tokenkey *same_as_running(const struct tokenring *t, const struct tokenkey *k)
{
    for (unsigned i = 0; t->running && i < t->running->n; i++) {
        struct tokenkey *old = t->running->keys[i].key;

        if (old && tokenkey_same(old, k))
            return old;
    }
    return NULL;
}

static int add_key(struct tokenring *t, struct tokenring_set *set, unsigned i,
                   const struct policy_identity *id, struct err *e)
{
    const struct tokenring_file *file = &t->files[id->key_attachment];
    struct tokenkey *k, *old;
    int rc = tokenkey_new(id, file->fd, &k, e);

    if (rc)
        return rc;
    set->lenient |= (file->flags & TOKEN_KEY_RUNS) != 0;
    if (file->flags & TOKEN_KEY_REFUSED)
        crew_forbid(t->crew, k);
    old = same_as_running(t, k);
    if (old) {
        tokenkey_drop(k);
        k = tokenkey_hold(old);
    }
    set->keys[i] = (struct tokenring_key){k, !old && !(file->flags & TOKEN_KEY_REFUSED)};
    return 0;
}

static int build(struct tokenring *t, const struct policy *p, struct err *e)
{
    struct tokenring_set *set = calloc(1, sizeof(*set) + p->n_identities * sizeof(set->keys[0]));
    int rc = 0;

    if (!set)
        return err_set(e, -ENOMEM, "/identities", "free memory", "no memory for the keys");
    set->revision = p->revision;
    set->n = p->n_identities;
    for (unsigned i = 0; i < set->n && !rc; i++) {
        const struct policy_identity *id = &p->identities[i];

        if (id->key_attachment < t->n_files && t->files[id->key_attachment].fd >= 0)
            rc = add_key(t, set, i, id, e);
    }
    if (rc)
        tokenring_free_set(&set);
    else
        t->prepared = set;
    return rc;
}

static int prepare(struct tokenring *t, uint64_t revision, struct err *e)
{
    struct policy *p;
    int rc = policy_image_read(t->image, revision, POLICY_SLICE_KEYRING, &p);

    if (rc)
        return err_set(e, rc, "penstock-keyring-token", "install programs of one version",
                       "the compiled policy can not be read (%s)", strerror(-rc));
    rc = build(t, p, e);
    policy_free(p);
    for (unsigned i = 0; !rc && i < t->prepared->n; i++) {
        if (t->prepared->keys[i].waits)
            crew_raise(t->crew, t->prepared->keys[i].key);
    }
    return rc;
}

/* Was everything looked for, and is everything there? */
static int answer(struct tokenring *t)
{
    struct tokenring_set *set = t->prepared;
    uint64_t revision = set->revision;
    struct err e = {.what = ""};
    bool bad = false;

    for (unsigned i = 0; i < set->n; i++) {
        if (set->keys[i].waits)
            return 0;
    }
    for (unsigned i = 0; i < set->n && !set->lenient && !bad; i++) {
        struct tokenkey *k = set->keys[i].key;

        bad = k && !same_as_running(t, k) && crew_state(t->crew, k, &e) != TOKENKEY_UP;
    }
    t->preparing = false;
    if (!bad)
        return control_send_number(t->control, CONTROL_PREPARED, revision);
    tokenring_free_set(&t->prepared);
    return control_send_refused(t->control, CONTROL_REFUSED, revision, &e);
}

int tokenring_looked(struct tokenring *t, const struct tokenkey *k)
{
    for (unsigned i = 0; t->prepared && i < t->prepared->n; i++) {
        if (t->prepared->keys[i].key == k)
            t->prepared->keys[i].waits = false;
    }
    return t->preparing ? answer(t) : 0;
}

static int order_prepare(struct tokenring *t, struct chan_msg *m)
{
    uint64_t revision;
    struct err e;
    int rc;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    tokenring_free_set(&t->prepared);
    t->preparing = false;
    rc = prepare(t, revision, &e);
    tokenring_drop_attached(t); /* they are read, or of no use */
    if (rc)
        return control_send_refused(t->control, CONTROL_REFUSED, revision, &e);
    t->preparing = true;
    return answer(t);
}

int tokenring_tell_refused(struct tokenring *t)
{
    int rc = 0;

    for (unsigned i = 0; t->running && i < t->running->n && !rc; i++) {
        const struct tokenkey *k = t->running->keys[i].key;

        if (k && crew_state(t->crew, k, NULL) == TOKENKEY_REFUSED)
            rc = control_send_number(t->control, CONTROL_PIN_REFUSED, i);
    }
    return rc;
}

static int order_commit(struct tokenring *t, struct chan_msg *m)
{
    uint64_t revision;
    int rc;

    if (control_get_number(&m->body, &revision) || t->preparing || !t->prepared ||
        t->prepared->revision != revision)
        return -EPROTO;
    tokenring_free_set(&t->before[TOKENRING_BEFORE - 1]);
    memmove(&t->before[1], &t->before[0], (TOKENRING_BEFORE - 1) * sizeof(t->before[0]));
    t->before[0] = t->running;
    t->running = t->prepared;
    t->prepared = NULL;
    t->untold = true;
    rc = tokenring_tell_refused(t);
    return rc ? rc : control_send_number(t->control, CONTROL_COMMITTED, revision);
}

static int order_abort(struct tokenring *t, struct chan_msg *m)
{
    uint64_t revision;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    tokenring_free_set(&t->prepared);
    t->preparing = false;
    tokenring_drop_attached(t);
    return 0;
}

struct order_row {
    uint8_t type;
    int (*take)(struct tokenring *t, struct chan_msg *m);
};

static const struct order_row orders[] = {
    {CONTROL_CHANNEL, order_channel}, {CONTROL_ATTACH, order_attach},
    {CONTROL_PREPARE, order_prepare}, {CONTROL_COMMIT, order_commit},
    {CONTROL_ABORT, order_abort},
};

int tokenring_order(struct tokenring *t, struct chan_msg *m)
{
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (orders[i].type == m->type)
            return orders[i].take(t, m);
    }
    return -EPROTO;
}
