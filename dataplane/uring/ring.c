#include "dataplane/uring/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/core/event.h"
#include "dataplane/core/notes.h"
#include "dataplane/core/round.h"
#include "dataplane/core/wind.h"
#include "dataplane/uring/accept.h"
#include "dataplane/uring/busy.h"

#define RING_ENTRIES 1024
#define RING_CQES    16384
#define STRANGERS    16  /* listeners and channels heard in a round */
#define YOUNG_MS     100 /* until a session's events are no longer a stranger's */
#define ALONE_MS     100 /* strangers are, when no other session was heard for so long */

static uint64_t leg_tag(enum ring_op op, const struct session *s, const struct leg *leg)
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

static void poll_now(struct ring *r, int fd, unsigned events, uint64_t user_data)
{
    struct io_uring_sqe *sqe = ring_sqe(r);

    io_uring_prep_poll_add(sqe, fd, events);
    io_uring_sqe_set_data64(sqe, user_data);
}

void ring_poll(struct ring *r, int fd, unsigned events, uint64_t user_data, bool patient)
{
    if (!patient || !hold_put(&r->hold, r->w->hs.open, fd, events, user_data))
        poll_now(r, fd, events, user_data);
}

bool ring_unpoll(struct ring *r, uint64_t user_data)
{
    struct io_uring_sqe *sqe;

    if (hold_drop(&r->hold, user_data))
        return true;
    sqe = ring_sqe(r);
    io_uring_prep_cancel64(sqe, user_data, 0);
    io_uring_sqe_set_data64(sqe, ring_tag(OP_DROP, 0, 0));
    return false;
}

/* The ring is asked for what was held back and looked at so many times at least. */
static void let_go(struct ring *r, unsigned looks)
{
    struct pollfd p;
    uint64_t user_data;

    while (hold_take(&r->hold, looks, &p, &user_data))
        poll_now(r, p.fd, (unsigned)p.events, user_data);
}

static bool is_stranger(const struct ring *r, const struct session *s)
{
    return s->state != SESSION_PUMPING || r->w->now_ms - s->start_ms < YOUNG_MS;
}

static void arm(struct ring *r, struct session *s, struct leg *leg, enum ring_op op,
                unsigned events)
{
    s->inflight++;
    ring_poll(r, leg->fd, events, leg_tag(op, s, leg), is_stranger(r, s));
}

static void disarm(struct ring *r, struct session *s, struct leg *leg, enum ring_op op)
{
    if (ring_unpoll(r, leg_tag(op, s, leg)))
        s->inflight--;
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
        disarm(r, s, leg, OP_IN);
    if (leg->armed_out)
        disarm(r, s, leg, OP_OUT);
    leg->armed_in = leg->armed_out = false;
    leg->epoch++;
}

static void leg_event(struct ring *r, enum ring_op op, uint64_t user_data)
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
        if (!is_stranger(r, s))
            r->heard_ms = r->w->now_ms;
        if (op == OP_IN) {
            leg->armed_in = false;
            event_readable(r->w, s, leg);
        } else {
            leg->armed_out = false;
            event_writable(r->w, s, leg);
        }
    }
}

void ring_watch(struct ring *r, enum ring_channel which, int fd)
{
    if (r->channel[which].armed)
        ring_unpoll(r, ring_tag(OP_CHANNEL, r->channel[which].epoch, which));
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
        bool out = i == RING_HANDOFF && hs_out;

        if (r->channel[i].fd < 0 || r->channel[i].armed)
            continue;
        r->channel[i].out = out;
        ring_poll(r, r->channel[i].fd, out ? POLLIN | POLLOUT : POLLIN,
                  ring_tag(OP_CHANNEL, r->channel[i].epoch, i), i == RING_HANDOFF);
        r->channel[i].armed = true;
    }
}

/* Each may mean a connection to the target, or the end of one. */
static void answers_take(struct ring *r)
{
    for (unsigned i = 0; i < HSCLIENT_ANSWERS && hsclient_take(r->w); i++) {
        if (!ring_enough(r, i + 1))
            continue;
        hold_hurry(&r->hold);
        return;
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
        answers_take(r);
    }
}

static void other_event(struct ring *r, const struct ring_event *e)
{
    enum ring_op op = (enum ring_op)(e->user_data >> 56);

    if (op == OP_ACCEPT)
        accept_event(r, e->user_data, e->res);
    else if (op == OP_CHANNEL)
        channel_event(r, e->user_data, e->res);
}

static void ring_wait(struct ring *r)
{
    uint64_t wait_us = accept_wait_ms(r, round_wait_ms(r->w)) * 1000, held_us = UINT64_MAX;
    struct __kernel_timespec ts;
    struct io_uring_cqe *cqe;

    let_go(r, r->w->hs.open < HOLD_FROM ? 0 : HOLD_LOOKS);
    if (r->later_n > 0)
        wait_us = 0;
    if (r->hold.n > 0)
        held_us = hold_wait_us(&r->hold, clock_mono_us());
    else if (wait_us)
        busy_look(r);
    if (held_us < wait_us)
        wait_us = held_us;
    ts.tv_sec = (long long)(wait_us / 1000000);
    ts.tv_nsec = (long long)(wait_us % 1000000) * 1000;
    io_uring_submit_and_wait_timeout(&r->u, &cqe, 1, &ts, NULL);
}

static void take_event(struct ring *r, uint64_t user_data, int res)
{
    enum ring_op op = (enum ring_op)(user_data >> 56);

    if (op == OP_IN || op == OP_OUT)
        leg_event(r, op, user_data);
    else if (op != OP_DROP)
        r->later[(r->later_first + r->later_n++) % RING_LATER] = (struct ring_event){user_data,
                                                                                     res};
}

/* What the ring was not asked for has events, too, when it is time to look. */
static void held_events(struct ring *r)
{
    uint64_t user_data, now_us = r->hold.n ? clock_mono_us() : 0;
    int events;

    if (hold_wait_us(&r->hold, now_us) > 0)
        return;
    hold_look(&r->hold, r->w->hs.open, r->w->now_ms - r->heard_ms > ALONE_MS, now_us);
    for (unsigned i = 1; hold_next(&r->hold, &user_data, &events); i++) {
        take_event(r, user_data, events);
        if (!ring_enough(r, i))
            continue;
        hold_hurry(&r->hold);
        return;
    }
}

/*
 * Sessions come first: what strangers and other processes want waits until every session that has
 * an event had its turn, and then gets a bounded part of the round, which is a few steps when a
 * session has an event again.
 */
static void ring_events(struct ring *r)
{
    struct io_uring_cqe *cqe;

    for (int i = 0; i < RING_ROUND && r->later_n < RING_ROUND; i++) {
        uint64_t user_data;
        int res;

        if (io_uring_peek_cqe(&r->u, &cqe))
            break;
        user_data = cqe->user_data;
        res = cqe->res;
        io_uring_cqe_seen(&r->u, cqe);
        take_event(r, user_data, res);
    }
    if (r->later_n < RING_ROUND)
        held_events(r);
    for (unsigned i = 0; i < STRANGERS && r->later_n > 0 && !ring_enough(r, i); i++) {
        struct ring_event e = r->later[r->later_first];

        r->later_first = (r->later_first + 1) % RING_LATER;
        r->later_n--;
        other_event(r, &e);
    }
}

void ring_round(struct ring *r)
{
    channels_arm(r);
    ring_wait(r);
    round_clock(r->w);
    ring_events(r);
    round_end(r->w);
    accept_rearm(r);
}

void ring_run(void *self)
{
    struct ring *r = self;

    while (!r->w->stop)
        ring_round(r);
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
    static const uint8_t ops[] = {IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL},
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
