#include "dataplane/uring/accept.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/core/flow.h"
#include "dataplane/uring/busy.h"
#include "dataplane/uring/ring.h"
#include "dataplane/uring/sock.h"

#define A_ROUND  16 /* connections of one listener, then others have their turn */
#define REARM_MS 100

struct accept_set { /* the listening sockets of one revision */
    struct list node;
    uint32_t epoch;
    unsigned n, armed;
    bool closing;
    uint64_t rearm_ms; /* out of descriptors: try again then; 0: no */
    struct {
        int fd;
        bool armed;
        struct addr addr;  /* as in the policy, */
        struct addr bound; /* and as it is; len 0: each connection has its own */
    } listener[];
};

static void arm(struct ring *r, struct accept_set *set, unsigned i)
{
    ring_poll(r, set->listener[i].fd, POLLIN, ring_tag(OP_ACCEPT, set->epoch, i), true);
    set->listener[i].armed = true;
    set->armed++;
}

static void disarmed(struct accept_set *set, unsigned i)
{
    set->listener[i].armed = false;
    set->armed--;
}

static void free_if_done(struct accept_set *set)
{
    if (!set->closing || set->armed)
        return;
    for (unsigned i = 0; i < set->n; i++)
        if (set->listener[i].fd >= 0)
            close(set->listener[i].fd);
    list_remove(&set->node);
    free(set);
}

static struct accept_set *find(struct ring *r, uint32_t epoch)
{
    struct list *pos;

    list_for_each(pos, &r->accept_sets)
    {
        struct accept_set *set = list_entry(pos, struct accept_set, node);
        if ((set->epoch & 0xffffff) == epoch)
            return set;
    }
    return NULL;
}

/* The listener of the running policy that has this address, or -1. */
static int in_policy(const struct ring *r, const struct addr *a)
{
    const struct policy *p = r->w->gate ? r->w->gate->policy : NULL;

    for (unsigned k = 0; p && k < p->n_listeners; k++)
        if (addr_equal(&p->listeners[k].addr, a))
            return (int)k;
    return -1;
}

static bool may_be_ktls(const struct policy *p, unsigned listener)
{
    const struct policy_listener *l = &p->listeners[listener];

    for (unsigned i = 0; l->tls && i < l->n_links; i++)
        if (p->links[l->links[i]].engine != ENGINE_SOFT)
            return true;
    return false;
}

static void accepted(struct ring *r, const struct accept_set *set, unsigned i, int fd,
                     struct addr *peer)
{
    struct addr local = set->listener[i].bound;
    int index = in_policy(r, &set->listener[i].addr);
    socklen_t len = sizeof local.in6;

    if (index < 0 || (!local.len && getsockname(fd, &local.sa, &len))) {
        close(fd); /* its listener is gone, or it is already gone again */
        return;
    }
    if (!local.len)
        local.len = len;
    addr_unmap(peer);
    addr_unmap(&local);
    if (r->w->shared->ktls.usable && may_be_ktls(r->w->gate->policy, (unsigned)index))
        leg_ktls_offer(fd);
    flow_accepted(r->w, (unsigned)index, fd, peer, &local);
}

/* 0, or -errno: none waits, or none can be had. */
static int take_one(struct ring *r, struct accept_set *set, unsigned i)
{
    struct addr peer = {.len = sizeof peer.in6};
    int fd = accept4(set->listener[i].fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        accepted(r, set, i, fd, &peer);
    else if (errno != ECONNABORTED && errno != EINTR)
        return -errno;
    return 0;
}

void accept_event(struct ring *r, uint64_t user_data, int res)
{
    struct accept_set *set = find(r, (user_data >> 32) & 0xffffff);
    unsigned i = (uint32_t)user_data;
    unsigned k;
    int rc = 0;

    check(set && i < set->n);
    disarmed(set, i);
    if (set->closing) { /* who still waits in the queue is served by the set that has it now */
        free_if_done(set);
        return;
    }
    for (k = 0; k < A_ROUND && !rc && res >= 0 && !ring_enough(r, k); k++)
        rc = take_one(r, set, i);
    if (k < A_ROUND && !rc)
        hold_hurry(&r->hold);
    if (res >= 0 && (!rc || rc == -EAGAIN))
        arm(r, set, i);
    else
        set->rearm_ms = r->w->now_ms + REARM_MS; /* out of descriptors or memory */
}

void accept_rearm(struct ring *r)
{
    struct list *pos;

    list_for_each(pos, &r->accept_sets)
    {
        struct accept_set *set = list_entry(pos, struct accept_set, node);
        if (!set->rearm_ms || set->rearm_ms > r->w->now_ms || set->closing)
            continue;
        set->rearm_ms = 0;
        for (unsigned i = 0; i < set->n; i++)
            if (!set->listener[i].armed && set->listener[i].fd >= 0)
                arm(r, set, i);
    }
}

uint64_t accept_wait_ms(const struct ring *r, uint64_t wait_ms)
{
    bool again = !list_empty(&r->accept_sets) &&
                 list_entry(r->accept_sets.prev, struct accept_set, node)->rearm_ms;

    return again && wait_ms > REARM_MS ? REARM_MS : wait_ms;
}

void accept_stop(struct ring *r)
{
    struct list *pos, *tmp;

    list_for_each_safe(pos, tmp, &r->accept_sets)
    {
        struct accept_set *set = list_entry(pos, struct accept_set, node);
        if (set->closing)
            continue;
        set->closing = true;
        for (unsigned i = 0; i < set->n; i++)
            if (set->listener[i].armed && ring_unpoll(r, ring_tag(OP_ACCEPT, set->epoch, i)))
                disarmed(set, i);
        free_if_done(set);
    }
}

/* The own end of all its connections, if the listener is bound to one address. */
static void learn_bound(int fd, struct addr *bound)
{
    struct addr a = {.len = sizeof a.in6};

    if (getsockname(fd, &a.sa, &a.len) || addr_is_any(&a))
        return;
    *bound = a;
}

int accept_listen(struct ring *r, const struct policy *p, const int *fds, unsigned n)
{
    struct accept_set *set = calloc(1, sizeof *set + n * sizeof set->listener[0]);

    if (!set)
        return -ENOMEM;
    busy_set(r, p->busy_poll_us);
    accept_stop(r);
    set->epoch = ++r->accept_epoch;
    set->n = n;
    list_push(&r->accept_sets, &set->node);
    for (unsigned i = 0; i < n; i++) {
        set->listener[i].fd = fds[i];
        set->listener[i].addr = p->listeners[i].addr;
        if (fds[i] < 0) /* another process has it */
            continue;
        learn_bound(fds[i], &set->listener[i].bound);
        sock_no_delay(fds[i]);
        sock_local(fds[i], &p->listeners[i].addr);
        arm(r, set, i);
    }
    return 0;
}
