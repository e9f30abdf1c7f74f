#include "mgmt/pair/vrrpline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "mgmt/ask.h"
#include "mgmt/manager.h"

#define EVERY_MS 900
#define SET_ROOM 1024

int vrrpline_init(struct vrrpline *v, const char *path)
{
    memset(v, 0, sizeof *v);
    v->fd = v->launcher = -1;
    if (!path || !*path)
        return 0;
    if (strlen(path) >= sizeof v->path)
        return -ENAMETOOLONG;
    v->launcher = (int)syscall(SYS_pidfd_open, getppid(), 0);
    if (v->launcher < 0)
        return -errno;
    (void)fcntl(v->launcher, F_SETFD, FD_CLOEXEC);
    snprintf(v->path, sizeof v->path, "%s", path);
    return 0;
}

void vrrpline_set(struct vrrpline *v, const struct vrrp_set *set)
{
    if (!memcmp(&v->set, set, sizeof *set))
        return;
    v->set = *set;
    v->told = false;
    v->next_ms = 0;
}

static void hang_up(struct vrrpline *v)
{
    close(v->fd);
    v->fd = -1;
    v->told = false;
}

static void dial(struct vrrpline *v)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    v->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (v->fd < 0)
        return;
    snprintf(to.sun_path, sizeof to.sun_path, "%s", v->path);
    if (connect(v->fd, (const struct sockaddr *)&to, sizeof to))
        hang_up(v);
}

static int tell_set(struct vrrpline *v)
{
    uint8_t mem[SET_ROOM];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    vrrp_put_set(&b, &v->set);
    return chan_send(v->fd, VRRP_SET, &b, &v->launcher, 1);
}

/* A revision runs, and every worker answers. */
static bool is_well(struct manager *m)
{
    json_t *stats = m->revision && !m->pair.ending ? ask_stats(m) : NULL;
    bool well = stats && json_integer_value(json_object_get(stats, "missing_workers")) == 0;

    json_decref(stats);
    return well;
}

static int tell_health(struct vrrpline *v, bool good)
{
    uint8_t mem[4];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    vrrp_put_health(&b, &good);
    return chan_send(v->fd, VRRP_HEALTH, &b, NULL, 0);
}

void vrrpline_tick(struct manager *m, uint64_t now_ms)
{
    struct vrrpline *v = &m->pair.vrrp;
    int rc = 0;

    if (!v->path[0] || now_ms < v->next_ms || (!v->set.on && v->fd < 0 && !v->heard))
        return;
    v->next_ms = now_ms + EVERY_MS;
    if (v->fd < 0)
        dial(v);
    if (v->fd < 0)
        return;
    if (!v->told)
        rc = tell_set(v);
    v->told = !rc;
    if (!rc && v->set.on)
        rc = tell_health(v, is_well(m));
    if (rc && rc != -EAGAIN)
        hang_up(v);
}

void vrrpline_poll(const struct vrrpline *v, struct pollfd *p)
{
    *p = (struct pollfd){.fd = v->fd, .events = POLLIN};
}

bool vrrpline_run(struct manager *m)
{
    struct vrrpline *v = &m->pair.vrrp;
    struct vrrp_status before = v->status;
    struct chan_msg msg;
    int rc = -EAGAIN;

    while (v->fd >= 0 && (rc = chan_recv(v->fd, m->message, sizeof m->message, &msg)) == 1) {
        chan_msg_close_fds(&msg);
        if (msg.type != VRRP_STATE || vrrp_get_status(&msg.body, &v->status)) {
            rc = -EPROTO;
            break;
        }
        v->heard = true;
    }
    if (v->fd >= 0 && rc != -EAGAIN) {
        log_event(LOG_WARN, "vrrp_lost", "why=\"the helper has ended\"");
        hang_up(v);
        v->status = (struct vrrp_status){.state = VRRP_FAILED,
                                         .since_s = before.since_s,
                                         .changes = before.changes,
                                         .why = "the helper that speaks VRRP does not answer"};
    }
    return before.state != v->status.state || strcmp(before.why, v->status.why) != 0;
}
