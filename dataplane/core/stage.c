#include "dataplane/core/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/core/balance.h"
#include "dataplane/wire/policy_image.h"
#include "dataplane/wire/policy_port.h"

#define LISTENER_FDS_MAX (4096 * WORKERS_MAX)

void stage_init(struct staged *s)
{
    memset(s, 0, sizeof *s);
    s->image_fd = -1;
}

void stage_clear(struct staged *s)
{
    for (unsigned i = 0; i < s->n_fds; i++)
        if (s->listener_fds[i] >= 0)
            close(s->listener_fds[i]);
    free(s->listener_fds);
    if (s->image_fd >= 0)
        close(s->image_fd);
    gate_put(s->gate);
    stage_init(s);
}

static int stage_listener(struct staged *s, uint32_t index, int fd)
{
    if (index >= LISTENER_FDS_MAX)
        return -EPROTO;
    if (index >= s->n_fds) {
        int *more = realloc(s->listener_fds, (index + 1) * sizeof *more);
        if (!more)
            return -ENOMEM;
        for (unsigned i = s->n_fds; i <= index; i++)
            more[i] = -1;
        s->listener_fds = more;
        s->n_fds = index + 1;
    }
    if (s->listener_fds[index] >= 0)
        return -EPROTO;
    s->listener_fds[index] = fd;
    return 0;
}

int stage_attach(struct staged *s, const struct control_attach *a, int fd)
{
    int rc = 0;

    if (fd < 0)
        return -EPROTO;
    if (s->revision != a->revision) {
        stage_clear(s); /* an attempt that was never aborted */
        s->revision = a->revision;
    }
    if (a->kind == ATTACH_IMAGE_DATAPLANE && s->image_fd < 0)
        s->image_fd = fd;
    else if (a->kind == ATTACH_LISTENER)
        rc = stage_listener(s, a->index, fd);
    else
        rc = -EPROTO;
    if (rc)
        close(fd);
    return rc;
}

static int check_link(const struct policy_link *l, const struct shared *shared, struct err *e)
{
    char where[128];

    snprintf(where, sizeof where, "/links/%s/engine", l->name);
    /* Links over sockets are the other data plane's to judge. */
    if (l->engine == ENGINE_KTLS && !shared->dpdk && !shared->ktls.usable)
        return err_set(e, -EOPNOTSUPP, where, "use \"auto\" or \"soft\", or a kernel with TLS",
                       "kernel TLS is required but can not be used: %s", shared->ktls.why);
    if (l->n_targets > TARGETS_MAX) {
        snprintf(where, sizeof where, "/links/%s/forward/to", l->name);
        return err_set(e, -E2BIG, where, "give at most 64", "%u target addresses", l->n_targets);
    }
    return 0;
}

/* Sockets for every listener that is ours, and for no other. */
static int check_listeners(const struct staged *s, const struct policy *p,
                           const struct shared *shared, struct err *e)
{
    unsigned n = p->n_listeners * shared->n_workers;
    bool fits = s->n_fds <= n;

    for (unsigned i = 0; i < n && fits; i++) {
        bool wanted = !shared->dpdk && !p->listeners[i / shared->n_workers].dpdk;

        fits = wanted == (i < s->n_fds && s->listener_fds[i] >= 0);
    }
    return fits ? 0
                : err_set(e, -EPROTO, "data plane", "restart penstockd",
                          "%u listening sockets do not fit %u listeners and %u workers", s->n_fds,
                          p->n_listeners, shared->n_workers);
}

static int check_policy(const struct staged *s, const struct policy *p, const struct shared *shared,
                        struct err *e)
{
    for (unsigned i = 0; i < p->n_links; i++) {
        int rc = check_link(&p->links[i], shared, e);
        if (rc)
            return rc;
    }
    /* Without ports there are no links for us: then those that are open lie idle. */
    if (shared->dpdk && p->dpdk.n_ports && !policy_dpdk_equal(shared->dpdk, &p->dpdk))
        return err_set(e, -EBUSY, "/dpdk", "restart penstockd with this configuration",
                       "ports can not be changed while they are in use");
    return check_listeners(s, p, shared, e);
}

static int stage_decode(const struct staged *s, struct policy **out, struct err *e)
{
    int rc = policy_image_read(s->image_fd, s->revision, POLICY_SLICE_DATAPLANE, out);

    return rc ? err_set(e, rc, "data plane", "restart penstockd", "no usable policy image: %s",
                        strerror(-rc))
              : 0;
}

int stage_prepare(struct staged *s, struct shared *shared, uint64_t revision, struct err *e)
{
    struct policy *p;
    int rc;

    if (revision != s->revision)
        return err_set(e, -EPROTO, "data plane", "restart penstockd",
                       "nothing was attached for this revision");
    rc = stage_decode(s, &p, e);
    if (rc)
        return rc;
    rc = check_policy(s, p, shared, e);
    if (rc) {
        policy_free(p);
        return rc;
    }
    rc = gate_new(&shared->registry, p, &s->gate);
    return rc ? err_set(e, rc, "data plane", "free memory", "out of memory") : 0;
}

struct note *stage_note(struct staged *s, unsigned worker, unsigned n_workers)
{
    struct note *n = note_new(NOTE_SWAP);
    unsigned listeners = s->gate->policy->n_listeners;

    if (!n)
        return NULL;
    n->fds = calloc(listeners ? listeners : 1, sizeof *n->fds);
    if (!n->fds) {
        free(n);
        return NULL;
    }
    for (unsigned i = 0; i < listeners; i++) {
        unsigned k = i * n_workers + worker;

        n->fds[i] = k < s->n_fds ? s->listener_fds[k] : -1;
        if (k < s->n_fds)
            s->listener_fds[k] = -1;
    }
    n->n_fds = listeners;
    n->gate = gate_get(s->gate);
    return n;
}
