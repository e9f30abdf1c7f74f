#include "dataplane/core/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/core/stage.h"
#include "dataplane/wire/control_send.h"

#define POLL_FDS 64
#define IDLE_MS  1000
#define CUT_MS   1500 /* for the last words of what a drain cut */

static void tell(struct control *c, unsigned worker, enum note_kind kind)
{
    struct note *n = note_new(kind);

    if (n)
        inbox_post(&c->worker[worker], n);
}

static void tell_all(struct control *c, enum note_kind kind)
{
    for (unsigned i = 0; i < c->shared->n_workers; i++)
        tell(c, i, kind);
}

static int take_channel(struct control *c, struct chan_msg *m)
{
    struct control_channel ch;
    struct note *n;

    if (control_get_channel(&m->body, &ch) || m->n_fds != 1)
        return -EPROTO;
    if (ch.kind == CHANNEL_JUDGE) {
        if (ch.index == 0) /* the control thread judges for all workers */
            judge_attach(&c->judge, chan_msg_take_fd(m, 0));
        return 0;
    }
    if (ch.index >= c->shared->n_workers ||
        (ch.kind != CHANNEL_HANDOFF && ch.kind != CHANNEL_QUERY && ch.kind != CHANNEL_NOTICES))
        return -EPROTO;
    n = note_new(NOTE_CHANNEL);
    if (!n)
        return -ENOMEM;
    n->channel = ch.kind;
    n->fd = chan_msg_take_fd(m, 0);
    inbox_post(&c->worker[ch.index], n);
    return 0;
}

/* It goes to one worker: there are few of these. */
static int take_call(struct control *c, struct chan_msg *m)
{
    struct control_call call;
    struct note *n;

    if (control_get_call(&m->body, &call) || m->n_fds != 1)
        return -EPROTO;
    n = note_new(NOTE_CALL);
    if (!n)
        return -ENOMEM;
    memcpy(n->link, call.link, sizeof n->link);
    n->fd = chan_msg_take_fd(m, 0);
    inbox_post(&c->worker[0], n);
    return 0;
}

static int take_attach(struct control *c, struct chan_msg *m)
{
    struct control_attach a;

    if (control_get_attach(&m->body, &a) || m->n_fds != 1)
        return -EPROTO;
    return stage_attach(&c->staged, &a, chan_msg_take_fd(m, 0));
}

static int take_prepare(struct control *c, struct chan_msg *m)
{
    uint64_t revision;
    struct err e;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    if (stage_prepare(&c->staged, c->shared, revision, &e) == 0) {
        control_send_number(c->fd, CONTROL_PREPARED, revision);
        return 0;
    }
    stage_clear(&c->staged);
    return control_send_refused(c->fd, CONTROL_REFUSED, revision, &e);
}

/* P7, P8: each worker gets the gate and its own listening sockets. */
static int take_commit(struct control *c, struct chan_msg *m)
{
    uint64_t revision;
    struct gate *g = c->staged.gate;

    if (control_get_number(&m->body, &revision) || !g || g->policy->revision != revision)
        return -EPROTO;
    for (unsigned i = 0; i < c->shared->n_workers; i++) {
        struct note *n = stage_note(&c->staged, i, c->shared->n_workers);
        if (!n)
            return -ENOMEM;
        inbox_post(&c->worker[i], n);
    }
    c->swaps_left = c->shared->n_workers;
    gate_put(c->gate);
    c->gate = gate_get(g);
    stage_clear(&c->staged);
    return 0;
}

static int take_abort(struct control *c, struct chan_msg *m)
{
    uint64_t revision;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    stage_clear(&c->staged);
    return 0;
}

static int take_drain(struct control *c, struct chan_msg *m)
{
    uint64_t ms;

    if (control_get_number(&m->body, &ms))
        return -EPROTO;
    c->draining = true;
    c->drain_ms = clock_mono_ms() + ms;
    tell_all(c, NOTE_STOP_LISTENING);
    return 0;
}

static int take_dialled(struct control *c, struct chan_msg *m)
{
    struct control_result r;
    struct note *n;

    if (control_get_result(&m->body, &r) || r.token >= DIALS_MAX || !c->dials[r.token].used)
        return -EPROTO;
    n = note_new(NOTE_DIALLED);
    if (!n)
        return -ENOMEM;
    n->session = c->dials[r.token].session;
    n->fd = chan_msg_take_fd(m, 0);
    n->error = r.error ? -r.error : -EIO;
    c->dials[r.token].used = false;
    inbox_post(&c->worker[c->dials[r.token].worker], n);
    return 0;
}

static const struct {
    uint8_t type;
    int (*take)(struct control *c, struct chan_msg *m);
} messages[] = {
    {CONTROL_CHANNEL, take_channel}, {CONTROL_ATTACH, take_attach}, {CONTROL_PREPARE, take_prepare},
    {CONTROL_COMMIT, take_commit},   {CONTROL_ABORT, take_abort},   {CONTROL_DRAIN, take_drain},
    {CONTROL_DIALLED, take_dialled}, {CONTROL_CALL, take_call},
};

static int take_message(struct control *c, struct chan_msg *m)
{
    for (unsigned i = 0; i < ARRAY_LEN(messages); i++)
        if (messages[i].type == m->type)
            return messages[i].take(c, m);
    return -EPROTO;
}

/* False when the launcher is gone or makes no sense: it will start this process anew. */
static bool launcher_readable(struct control *c)
{
    struct chan_msg m;
    int rc;

    while ((rc = chan_recv(c->fd, c->message, sizeof c->message, &m)) == 1) {
        rc = take_message(c, &m);
        chan_msg_close_fds(&m);
        if (rc) {
            log_event(LOG_ERROR, "control_protocol", "type=%u error=\"%s\"", m.type, strerror(-rc));
            return false;
        }
    }
    return rc == -EAGAIN;
}

static void dial_failed(struct control *c, const struct note *dial, int error)
{
    struct note *n = note_new(NOTE_DIALLED);

    if (!n)
        return; /* the session's own deadline ends it */
    n->session = dial->session;
    n->error = error;
    inbox_post(&c->worker[dial->worker], n);
}

static void note_dial(struct control *c, const struct note *dial)
{
    struct control_dial m = {.addr = dial->addr};
    uint8_t mem[512];
    struct buf b;

    while (m.token < DIALS_MAX && c->dials[m.token].used)
        m.token++;
    if (m.token == DIALS_MAX) {
        dial_failed(c, dial, -EAGAIN);
        return;
    }
    buf_init(&b, mem, sizeof mem);
    control_put_dial(&b, &m);
    if (chan_send_wait(c->fd, CONTROL_DIAL, &b, NULL, 0, CONTROL_SEND_MS)) {
        dial_failed(c, dial, -EIO);
        return;
    }
    c->dials[m.token].used = true;
    c->dials[m.token].worker = dial->worker;
    c->dials[m.token].session = dial->session;
}

/* Every worker runs on the new revision: answer, and judge the living again (P9). */
static void note_swapped(struct control *c)
{
    if (c->swaps_left == 0 || --c->swaps_left > 0)
        return;
    control_send_number(c->fd, CONTROL_COMMITTED, c->gate->policy->revision);
    /* Workers of the DPDK engine check by themselves. */
    health_set(&c->health, c->shared->dpdk ? NULL : c->gate, clock_mono_ms());
    judge_start(&c->judge, c->gate, true);
}

static void take_notes(struct control *c)
{
    struct note *n;

    while ((n = inbox_take(&c->inbox))) {
        if (n->kind == NOTE_DIAL)
            note_dial(c, n);
        else if (n->kind == NOTE_SWAPPED)
            note_swapped(c);
        else if (n->kind == NOTE_REJUDGE && c->gate)
            judge_start(&c->judge, c->gate, false);
        else if (n->kind == NOTE_FAILED)
            c->done = true;
        free(n);
    }
}

/* SIGTERM's course: no new sessions, time for the old ones, then the rest is cut. */
static void drain_step(struct control *c, uint64_t now_ms)
{
    bool empty = c->shared->live == 0;

    if (!c->draining)
        return;
    if (empty || (c->cutting && now_ms >= c->drain_ms)) {
        control_send_number(c->fd, CONTROL_DRAINED, 0);
        c->done = true;
    } else if (!c->cutting && now_ms >= c->drain_ms) {
        c->cutting = true;
        c->drain_ms = now_ms + CUT_MS;
        tell_all(c, NOTE_DRAIN);
    }
}

static int clock_watch(void)
{
    /* Far away; what matters is that setting the clock cancels it. */
    struct itimerspec far = {.it_value.tv_sec = INT32_MAX};
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd >= 0)
        timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
    return fd;
}

static void clock_changed(struct control *c)
{
    log_event(LOG_WARN, "clock_set", "every live peer is judged again");
    if (c->clock_fd >= 0)
        close(c->clock_fd);
    c->clock_fd = clock_watch();
    if (c->gate)
        judge_start(&c->judge, c->gate, true);
}

int control_init(struct control *c, int fd, struct shared *shared, struct inbox *workers)
{
    int rc;

    memset(c, 0, sizeof *c);
    rc = inbox_init(&c->inbox);
    if (rc)
        return rc;
    c->fd = fd;
    c->shared = shared;
    c->worker = workers;
    c->clock_fd = clock_watch();
    stage_init(&c->staged);
    health_init(&c->health, &health_sockets, NULL);
    judge_init(&c->judge, &shared->peers);
    return 0;
}

void control_fini(struct control *c)
{
    stage_clear(&c->staged);
    judge_fini(&c->judge);
    health_set(&c->health, NULL, 0);
    gate_put(c->gate);
    if (c->clock_fd >= 0)
        close(c->clock_fd);
    inbox_fini(&c->inbox);
}

int control_run(struct control *c)
{
    uint64_t count;

    while (!c->done) {
        uint64_t now = clock_mono_ms();
        struct pollfd p[POLL_FDS] = {{.fd = c->fd, .events = POLLIN},
                                     {.fd = c->inbox.event_fd, .events = POLLIN},
                                     {.fd = c->judge.fd, .events = POLLIN},
                                     {.fd = c->clock_fd, .events = POLLIN}};
        unsigned n = 4 + health_poll(&c->health, p + 4, POLL_FDS - 4);
        uint64_t wait = health_wait_ms(&c->health, now, c->draining ? 20 : IDLE_MS);

        poll(p, n, (int)wait);
        if (p[0].revents && !launcher_readable(c))
            return 1;
        if (p[1].revents)
            take_notes(c);
        if (judge_step(&c->judge, c->gate))
            tell_all(c, NOTE_PEERS);
        if (p[3].revents && read(c->clock_fd, &count, sizeof count) < 0 && errno == ECANCELED)
            clock_changed(c);
        now = clock_mono_ms();
        health_step(&c->health, now);
        drain_step(c, now);
    }
    return 0;
}
