#include "dataplane/uring/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/core/event.h"
#include "dataplane/core/flow.h"
#include "dataplane/core/notes.h"
#include "dataplane/core/round.h"
#include "dataplane/core/wind.h"
#include "dataplane/uring/busy.h"
#include "dataplane/uring/sock.h"

#define RING_ENTRIES 1024
#define RING_CQES    16384
#define STRANGERS    16 /* connections accepted, and channels heard, in a round */
#define REARM_MS     100

/* user_data: op (8 bits) | leg and its epoch (8) | slot (24) | generation (16) | 0 (8), or for
 * accepts and channels: op (8) | epoch (24) | index (32). */
enum op { OP_DROP, OP_ACCEPT, OP_IN, OP_OUT, OP_CHANNEL };

static uint64_t tag(enum op op, uint32_t epoch, uint32_t index)
{
    return (uint64_t)op << 56 | (uint64_t)(epoch & 0xffffff) << 32 | index;
}

static uint64_t leg_tag(enum op op, const struct session *s, const struct leg *leg)
{
    const struct pool *p = &s->worker->sessions;

    return (uint64_t)op << 56 | (uint64_t)(leg->side << 7 | (leg->epoch & 0x7f)) << 48 |
           (uint64_t)pool_slot(p, s) << 24 | (uint64_t)pool_gen(p, s) << 8;
}

static struct io_uring_sqe *ring_sqe(struct ring *r)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&r->u);

    while (!sqe) { /* full: the kernel takes what is there and makes room */
        io_uring_submit(&r->u);
        sqe = io_uring_get_sqe(&r->u);
    }
    return sqe;
}

static void ring_cancel(struct ring *r, uint64_t user_data)
{
    struct io_uring_sqe *sqe = ring_sqe(r);

    io_uring_prep_cancel64(sqe, user_data, 0);
    io_uring_sqe_set_data64(sqe, tag(OP_DROP, 0, 0));
}

static void arm(struct ring *r, struct session *s, struct leg *leg, enum op op, unsigned events)
{
    struct io_uring_sqe *sqe = ring_sqe(r);

    io_uring_prep_poll_add(sqe, leg->fd, events);
    io_uring_sqe_set_data64(sqe, leg_tag(op, s, leg));
    s->inflight++;
}

void ring_arm_in(struct ring *r, struct session *s, struct leg *leg)
{
    if (leg->armed_in || leg->fd < 0)
        return;
    leg->armed_in = true;
    arm(r, s, leg, OP_IN, POLLIN);
}

void ring_arm_out(struct ring *r, struct session *s, struct leg *leg)
{
    if (leg->armed_out || leg->fd < 0)
        return;
    leg->armed_out = true;
    arm(r, s, leg, OP_OUT, POLLOUT);
}

void ring_disarm(struct ring *r, struct session *s, struct leg *leg)
{
    if (leg->armed_in)
        ring_cancel(r, leg_tag(OP_IN, s, leg));
    if (leg->armed_out)
        ring_cancel(r, leg_tag(OP_OUT, s, leg));
    leg->armed_in = leg->armed_out = false;
    leg->epoch++;
}

static void leg_event(struct ring *r, enum op op, uint64_t user_data)
{
    struct session *s = pool_at(&r->w->sessions, (user_data >> 24) & 0xffffff,
                                (uint16_t)(user_data >> 8));
    uint8_t side = (user_data >> 55) & 1, epoch = (user_data >> 48) & 0x7f;
    struct leg *leg;

    check(s && s->inflight > 0); /* a session outlives its operations */
    s->inflight--;
    leg = &s->leg[side];
    if (s->state == SESSION_DRAINING) {
        wind_reap(r->w, s);
    } else if ((leg->epoch & 0x7f) == epoch) {
        if (op == OP_IN) {
            leg->armed_in = false;
            event_readable(r->w, s, leg);
        } else {
            leg->armed_out = false;
            event_writable(r->w, s, leg);
        }
    }
}

static void accept_arm(struct ring *r, struct accept_set *set, unsigned i)
{
    struct io_uring_sqe *sqe = ring_sqe(r);

    io_uring_prep_multishot_accept(sqe, set->listener[i].fd, NULL, NULL,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, tag(OP_ACCEPT, set->epoch, i));
    set->listener[i].armed = true;
    set->armed++;
}

static void accept_set_free_if_done(struct accept_set *set)
{
    if (!set->closing || set->armed)
        return;
    for (unsigned i = 0; i < set->n; i++)
        if (set->listener[i].fd >= 0)
            close(set->listener[i].fd);
    list_remove(&set->node);
    free(set);
}

static struct accept_set *accept_set_find(struct ring *r, uint32_t epoch)
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

/* A connection of an older set goes to the listener that has its address now. */
static int accept_index(struct ring *r, const struct accept_set *set, unsigned i)
{
    const struct policy *p = r->w->gate ? r->w->gate->policy : NULL;

    if (!p)
        return -1;
    for (unsigned k = 0; k < p->n_listeners; k++)
        if (addr_equal(&p->listeners[k].addr, &set->listener[i].addr))
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

static void accepted(struct ring *r, const struct accept_set *set, unsigned i, int fd)
{
    struct addr peer = {.len = sizeof peer.in6}, local = {.len = sizeof local.in6};
    int index = accept_index(r, set, i);

    if (index < 0 || getpeername(fd, &peer.sa, &peer.len) ||
        getsockname(fd, &local.sa, &local.len)) {
        close(fd); /* already gone again, or its listener is */
        return;
    }
    addr_unmap(&peer);
    addr_unmap(&local);
    if (r->w->shared->ktls.usable && may_be_ktls(r->w->gate->policy, (unsigned)index))
        leg_ktls_offer(fd);
    flow_accepted(r->w, (unsigned)index, fd, &peer, &local);
}

static void accept_event(struct ring *r, uint64_t user_data, int res, unsigned flags)
{
    struct accept_set *set = accept_set_find(r, (user_data >> 32) & 0xffffff);
    unsigned i = (uint32_t)user_data;

    check(set && i < set->n);
    if (res >= 0)
        accepted(r, set, i, res);
    if (flags & IORING_CQE_F_MORE)
        return;
    set->listener[i].armed = false;
    set->armed--;
    if (set->closing)
        accept_set_free_if_done(set);
    else if (res >= 0 || res == -ECONNABORTED || res == -EINTR)
        accept_arm(r, set, i);
    else
        set->rearm_ms = r->w->now_ms + REARM_MS; /* out of descriptors or memory */
}

static void accept_rearm(struct ring *r)
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
                accept_arm(r, set, i);
    }
}

void ring_stop_listening(struct ring *r)
{
    struct list *pos, *tmp;

    list_for_each_safe(pos, tmp, &r->accept_sets)
    {
        struct accept_set *set = list_entry(pos, struct accept_set, node);
        if (set->closing)
            continue;
        set->closing = true;
        for (unsigned i = 0; i < set->n; i++)
            if (set->listener[i].armed)
                ring_cancel(r, tag(OP_ACCEPT, set->epoch, i));
        accept_set_free_if_done(set);
    }
}

int ring_listen(struct ring *r, const struct policy *p, const int *fds, unsigned n)
{
    struct accept_set *set = calloc(1, sizeof *set + n * sizeof set->listener[0]);

    if (!set)
        return -ENOMEM;
    busy_set(r, p->busy_poll_us);
    ring_stop_listening(r);
    set->epoch = ++r->accept_epoch;
    set->n = n;
    list_push(&r->accept_sets, &set->node);
    for (unsigned i = 0; i < n; i++) {
        set->listener[i].fd = fds[i];
        set->listener[i].addr = p->listeners[i].addr;
        if (fds[i] < 0) /* another process has it */
            continue;
        sock_local(fds[i], &p->listeners[i].addr);
        accept_arm(r, set, i);
    }
    return 0;
}

void ring_watch(struct ring *r, enum ring_channel which, int fd)
{
    if (r->channel[which].armed)
        ring_cancel(r, tag(OP_CHANNEL, r->channel[which].epoch, which));
    r->channel[which].fd = fd;
    r->channel[which].epoch++;
    r->channel[which].armed = false;
}

static void channels_arm(struct ring *r)
{
    bool hs_out = r->w->hs.want_out;

    /* The client may have dropped a dead channel, or found a full one, since it was armed. */
    if (r->channel[RING_HANDOFF].fd != r->w->hs.fd ||
        (hs_out && r->channel[RING_HANDOFF].armed && !r->channel[RING_HANDOFF].out))
        ring_watch(r, RING_HANDOFF, r->w->hs.fd);
    for (unsigned i = 0; i < RING_CHANNELS; i++) {
        struct io_uring_sqe *sqe;
        bool out = i == RING_HANDOFF && hs_out;

        if (r->channel[i].fd < 0 || r->channel[i].armed)
            continue;
        r->channel[i].out = out;
        sqe = ring_sqe(r);
        io_uring_prep_poll_add(sqe, r->channel[i].fd, out ? POLLIN | POLLOUT : POLLIN);
        io_uring_sqe_set_data64(sqe, tag(OP_CHANNEL, r->channel[i].epoch, i));
        r->channel[i].armed = true;
    }
}

static void channel_event(struct ring *r, uint64_t user_data, int res)
{
    unsigned which = (uint32_t)user_data;

    if (r->channel[which].epoch != ((user_data >> 32) & 0xff))
        return;
    r->channel[which].armed = false;
    if (which == RING_INBOX) {
        notes_take(r->w);
    } else if (which == RING_QUERY) {
        notes_query(r->w);
    } else {
        if (res > 0 && (res & POLLOUT))
            hsclient_writable(r->w);
        hsclient_readable(r->w);
    }
}

static void other_event(struct ring *r, const struct ring_event *e)
{
    enum op op = (enum op)(e->user_data >> 56);

    if (op == OP_ACCEPT)
        accept_event(r, e->user_data, e->res, e->flags);
    else if (op == OP_CHANNEL)
        channel_event(r, e->user_data, e->res);
}

static void ring_wait(struct ring *r)
{
    uint64_t wait_ms = round_wait_ms(r->w);
    struct __kernel_timespec ts;
    struct io_uring_cqe *cqe;

    if (r->later_n > 0)
        wait_ms = 0;
    if (wait_ms > REARM_MS && !list_empty(&r->accept_sets) &&
        list_entry(r->accept_sets.prev, struct accept_set, node)->rearm_ms)
        wait_ms = REARM_MS;
    if (wait_ms)
        busy_look(r);
    ts.tv_sec = (long long)(wait_ms / 1000);
    ts.tv_nsec = (long long)(wait_ms % 1000) * 1000000;
    io_uring_submit_and_wait_timeout(&r->u, &cqe, 1, &ts, NULL);
}

/*
 * Sessions come first: what strangers and other processes want waits until every session that has
 * an event had its turn, and then gets a bounded part of the round.
 */
static void ring_events(struct ring *r)
{
    struct io_uring_cqe *cqe;

    for (int i = 0; i < RING_ROUND && r->later_n < RING_ROUND; i++) {
        struct ring_event e;
        enum op op;

        if (io_uring_peek_cqe(&r->u, &cqe))
            break;
        e = (struct ring_event){cqe->user_data, cqe->res, cqe->flags};
        io_uring_cqe_seen(&r->u, cqe);
        op = (enum op)(e.user_data >> 56);
        if (op == OP_IN || op == OP_OUT)
            leg_event(r, op, e.user_data);
        else if (op != OP_DROP)
            r->later[(r->later_first + r->later_n++) % RING_ROUND] = e;
    }
    for (int i = 0; i < STRANGERS && r->later_n > 0; i++) {
        struct ring_event e = r->later[r->later_first];

        r->later_first = (r->later_first + 1) % RING_ROUND;
        r->later_n--;
        other_event(r, &e);
    }
}

void ring_run(void *self)
{
    struct ring *r = self;

    while (!r->w->stop) {
        channels_arm(r);
        ring_wait(r);
        round_clock(r->w);
        ring_events(r);
        round_end(r->w);
        accept_rearm(r);
    }
}

/* liburing 2.3 does not export its wrappers of these two. */
static int ring_register(struct ring *r, unsigned opcode, void *arg, unsigned n)
{
    return syscall(__NR_io_uring_register, r->u.ring_fd, opcode, arg, n) < 0 ? -errno : 0;
}

/*
 * io_uring passes by system call filters, so the ring itself is told what it may do: nothing that
 * opens a file or makes a socket. 0 or -errno.
 */
static int ring_restrict(struct ring *r)
{
    static const uint8_t ops[] = {IORING_OP_ACCEPT, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL},
                         calls[] = {BUSY_REGISTER_NAPI, BUSY_UNREGISTER_NAPI};
    struct io_uring_restriction rules[ARRAY_LEN(ops) + ARRAY_LEN(calls)];
    int rc;

    memset(rules, 0, sizeof rules);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        rules[i].opcode = IORING_RESTRICTION_SQE_OP;
        rules[i].sqe_op = ops[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        rules[ARRAY_LEN(ops) + i].opcode = IORING_RESTRICTION_REGISTER_OP;
        rules[ARRAY_LEN(ops) + i].register_op = calls[i];
    }
    rc = ring_register(r, IORING_REGISTER_RESTRICTIONS, rules, ARRAY_LEN(rules));
    if (rc == -EINVAL) /* before 6.9 it knows no such calls */
        rc = ring_register(r, IORING_REGISTER_RESTRICTIONS, rules, ARRAY_LEN(ops));
    return rc;
}

static int ring_setup(struct ring *r)
{
    struct io_uring_params p = {
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
                 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        .cq_entries = RING_CQES,
    };
    int rc = io_uring_queue_init_params(RING_ENTRIES, &r->u, &p);

    if (rc == -EINVAL) { /* before 6.1 */
        p.flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
        rc = io_uring_queue_init_params(RING_ENTRIES, &r->u, &p);
    }
    if (rc)
        return rc;
    rc = ring_restrict(r);
    if (!rc)
        rc = ring_register(r, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (rc)
        io_uring_queue_exit(&r->u);
    return rc;
}

int ring_init(void *self, struct worker *w, struct err *e)
{
    struct ring *r = self;
    int rc;

    memset(r, 0, sizeof *r);
    rc = ring_setup(r);
    if (rc)
        return err_set(e, rc, "io_uring",
                       "needs Linux 5.19 or later with sysctl kernel.io_uring_disabled=0, and a "
                       "container profile that allows io_uring",
                       "can not be set up: %s", strerror(-rc));
    r->w = w;
    list_init(&r->accept_sets);
    mover_init(&r->mover);
    for (int i = 0; i < RING_CHANNELS; i++)
        r->channel[i].fd = -1;
    ring_watch(r, RING_INBOX, w->inbox->event_fd);
    w->ring = r;
    w->net = &uring_net;
    return 0;
}

void ring_fini(void *self)
{
    struct ring *r = self;

    mover_fini(&r->mover);
    io_uring_queue_exit(&r->u);
}
