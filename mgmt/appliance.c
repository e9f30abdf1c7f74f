#include "mgmt/appliance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/chan.h"
#include "mgmt/manager.h"

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

static int dial(const struct appliance *a)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

    if (fd < 0)
        return -errno;
    snprintf(to.sun_path, sizeof to.sun_path, "%s", a->path);
    if (!connect(fd, (const struct sockaddr *)&to, sizeof to))
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

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
    fd = line < 0 ? line : dial(a);
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

/* What it says. 0, or -EPROTO. */
static int take(struct appliance_line *l, struct chan_msg *msg)
{
    struct system_status status;
    struct system_done done;
    struct appliance_answer a = {.status = &status};

    if (msg->type == SYSTEM_STATUS && !system_get_status(&msg->body, &status)) {
        finish(l, 0, &a, NULL);
        return 0;
    }
    if (msg->type != SYSTEM_DONE || system_get_done(&msg->body, &done))
        return -EPROTO;
    a.status = NULL;
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
        rc = take(l, &msg);
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
