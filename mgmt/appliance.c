#include "mgmt/appliance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/chan.h"
#include "mgmt/manager.h"
#include "mgmt/store/audit.h"

#define WHERE     "/"
#define FIX_LATER "try again; see the appliance's console"

int appliance_init(struct appliance *a, const char *path)
{
    memset(a, 0, sizeof *a);
    for (unsigned i = 0; i < APPLIANCE_LINES; i++)
        a->lines[i].fd = -1;
    if (path && strlen(path) >= sizeof a->path)
        return -ENAMETOOLONG;
    snprintf(a->path, sizeof a->path, "%s", path ? path : "");
    return 0;
}

/* ---- asking ---- */

static int find_free(const struct appliance *a)
{
    for (int i = 0; i < APPLIANCE_LINES; i++)
        if (a->lines[i].fd < 0)
            return i;
    return -EAGAIN;
}

int appliance_ask(struct manager *m, uint8_t type, const struct buf *body, appliance_done *done,
                  void *arg, struct err *e)
{
    struct appliance *a = &m->appliance;
    int line = find_free(a), fd;

    if (!a->path[0])
        return err_set(e, -ENOTSUP, WHERE, "it is there on the appliance's disk image",
                       "this gateway does not run on the appliance");
    fd = line < 0 ? line : chan_dial(a->path);
    if (fd >= 0 && chan_send(fd, type, body, NULL, 0)) {
        close(fd);
        fd = -EAGAIN;
    }
    if (fd < 0)
        return err_set(e, -EAGAIN, WHERE, FIX_LATER, "the appliance's helper does not answer");
    a->lines[line] = (struct appliance_line){
        .fd = fd,
        .done = done,
        .arg = arg,
        .until_ms = type == SYSTEM_INSTALL ? 0 : clock_mono_ms() + APPLIANCE_WAIT_MS,
    };
    return line;
}

/* Room is told when there is some. */
static int wait_for_room(struct appliance_line *l, void (*room)(void *))
{
    l->room = room;
    l->waits_for_room = true;
    return -EAGAIN;
}

long appliance_feed(struct manager *m, int line, const void *data, size_t n, void (*room)(void *))
{
    struct appliance_line *l = &m->appliance.lines[line];
    size_t now = n < SYSTEM_DATA_MAX ? n : SYSTEM_DATA_MAX;
    struct buf b;
    int rc;

    buf_init_read(&b, data, now);
    rc = chan_send(l->fd, SYSTEM_DATA, &b, NULL, 0);
    if (rc == -EAGAIN) {
        (void)wait_for_room(l, room);
        return 0;
    }
    return rc ? -EPIPE : (long)now;
}

int appliance_end(struct manager *m, int line, void (*room)(void *))
{
    struct appliance_line *l = &m->appliance.lines[line];
    int rc = chan_send(l->fd, SYSTEM_END, NULL, NULL, 0);

    if (rc == -EAGAIN)
        return wait_for_room(l, room);
    l->until_ms = clock_mono_ms() + APPLIANCE_WAIT_MS;
    return rc ? -EPIPE : 0;
}

void appliance_drop(struct manager *m, int line)
{
    struct appliance_line *l = &m->appliance.lines[line];

    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

/* ---- answers ---- */

/* The line is free again before whoever asked is told. */
static void finish(struct appliance_line *l, int rc, const struct appliance_answer *a,
                   const struct err *e)
{
    appliance_done *done = l->done;
    void *arg = l->arg;

    close(l->fd);
    l->fd = -1;
    done(arg, rc, a, e);
}

static void fail(struct appliance_line *l, int rc)
{
    struct err e;

    err_set(&e, rc, WHERE, FIX_LATER, "the appliance's helper %s",
            rc == -ETIMEDOUT ? "has not answered in time" : "went away");
    finish(l, rc, NULL, &e);
}

static bool take_journal(struct appliance_heard *heard, struct buf *body)
{
    size_t n = 0;
    const uint8_t *text = system_get_data(body, &n);

    if (!text)
        return false;
    memcpy(heard->journal, text, n);
    heard->journal[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
            return false;
    return true;
}

/* An answer of its own type. False: it is none. */
static bool take_answer(struct appliance_heard *heard, struct chan_msg *msg,
                        struct appliance_answer *a)
{
    switch (msg->type) {
    case SYSTEM_STATUS:
        a->status = &heard->status;
        return !system_get_status(&msg->body, &heard->status);
    case SYSTEM_NETWORK_IS:
        a->network = &heard->network;
        return !system_get_network(&msg->body, &heard->network);
    case SYSTEM_LINKS_ARE:
        a->links = &heard->links;
        return !system_get_links(&msg->body, &heard->links);
    case SYSTEM_TIME_IS:
        a->time = &heard->time;
        return !system_get_time(&msg->body, &heard->time);
    case SYSTEM_CHECKUP_IS:
        a->checkup = &heard->checkup;
        return !system_get_checkup(&msg->body, &heard->checkup);
    case SYSTEM_JOURNAL_IS:
        a->journal = heard->journal;
        return take_journal(heard, &msg->body);
    case SYSTEM_DEVICES_ARE:
        a->devices = &heard->devices;
        return !system_get_devices(&msg->body, &heard->devices);
    default:
        return false;
    }
}

/* What it says. 0, or -EPROTO. */
static int take(struct appliance *to, struct appliance_line *l, struct chan_msg *msg)
{
    struct system_done done;
    struct appliance_answer a = {0};

    if (msg->type != SYSTEM_DONE) {
        if (!take_answer(&to->heard, msg, &a))
            return -EPROTO;
        if (a.time) { /* whoever asked for it: the status knows it too */
            to->clock = *a.time;
            to->clock_known = true;
        }
        finish(l, 0, &a, NULL);
        return 0;
    }
    if (system_get_done(&msg->body, &done))
        return -EPROTO;
    a.version = done.version;
    finish(l, -done.error, done.error ? NULL : &a, &done.why);
    return 0;
}

static void hear(struct manager *m, struct appliance_line *l)
{
    struct chan_msg msg;
    int rc = chan_recv(l->fd, m->message, sizeof m->message, &msg);

    if (rc == -EAGAIN)
        return;
    if (rc > 0) {
        chan_msg_close_fds(&msg);
        rc = take(&m->appliance, l, &msg);
        if (!rc)
            return;
    }
    fail(l, -EPIPE);
}

unsigned appliance_poll(const struct manager *m, struct pollfd *p)
{
    for (unsigned i = 0; i < APPLIANCE_LINES; i++) {
        const struct appliance_line *l = &m->appliance.lines[i];

        p[i] = (struct pollfd){.fd = l->fd,
                               .events = (short)(POLLIN | (l->waits_for_room ? POLLOUT : 0))};
    }
    return APPLIANCE_LINES;
}

void appliance_run(struct manager *m)
{
    struct pollfd p[APPLIANCE_LINES];

    (void)poll(p, appliance_poll(m, p), 0);
    for (unsigned i = 0; i < APPLIANCE_LINES; i++) {
        struct appliance_line *l = &m->appliance.lines[i];

        if (l->fd < 0 || l->fd != p[i].fd)
            continue;
        if (p[i].revents & (POLLIN | POLLHUP | POLLERR))
            hear(m, l);
        else if (p[i].revents & POLLOUT) {
            l->waits_for_room = false;
            l->room(l->arg);
        } else if (l->until_ms && clock_mono_ms() >= l->until_ms)
            fail(l, -ETIMEDOUT);
    }
}

/* ---- the clock, and a network on trial ---- */

const char *appliance_clock_wrong(const struct system_time *t, int64_t now_s)
{
    if (now_s < t->built_s)
        return "the clock is behind the day on which this version was made: certificates look not "
               "yet valid, and lists not yet issued: set system/time";
    if (!t->synchronised)
        return "the clock is not synchronised: certificates and revocation lists may be judged by "
               "a "
               "wrong time: set system/time";
    return NULL;
}

static void on_clock(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct manager *m = arg;

    (void)e;
    m->appliance.clock_asked = false;
    m->appliance.clock_known = !rc && a->time;
}

static void look_at_clock(struct manager *m, uint64_t now_ms)
{
    struct appliance *a = &m->appliance;
    struct err e;

    if (!a->path[0] || a->clock_asked || now_ms < a->clock_at_ms)
        return;
    a->clock_at_ms = now_ms + APPLIANCE_CLOCK_MS;
    a->clock_asked = appliance_ask(m, SYSTEM_TIME, NULL, on_clock, m, &e) >= 0;
    a->clock_known = a->clock_known && a->clock_asked;
}

void appliance_trial(struct manager *m, unsigned confirm_s)
{
    m->appliance.trial_ms = confirm_s ? clock_mono_ms() + confirm_s * 1000ull : 0;
}

void appliance_tick(struct manager *m)
{
    static const struct audit_row row = {.actor = "penstock",
                                         .action = "system.network",
                                         .object = "",
                                         .result = "not confirmed in time"};
    uint64_t now_ms = clock_mono_ms();
    struct err e;

    look_at_clock(m, now_ms);
    if (!m->appliance.trial_ms || now_ms < m->appliance.trial_ms)
        return;
    m->appliance.trial_ms = 0;
    (void)audit_add(&m->store, &row, &e);
}
