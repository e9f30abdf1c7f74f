/* S9: connecting the inner leg. TCP is dialled here; a unix: target by the launcher, which alone
 * opens paths. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/core/flow.h"
#include "dataplane/uring/dial.h"
#include "dataplane/uring/ring.h"
#include "dataplane/uring/sock.h"

/*
 * Within this machine a connection is up, or refused, when connect(2) returns, though the first
 * call does not say so yet. 0, -EINPROGRESS (its queue is full: later) or another -errno.
 */
static int dial_local(int fd, const struct addr *to)
{
    if (!connect(fd, &to->sa, to->len))
        return 0;
    return errno == EALREADY ? -EINPROGRESS : -errno;
}

static int dial_socket(const struct policy_link *l, const struct addr *to)
{
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return -errno;
    sock_no_delay(fd);
    sock_local(fd, to);
    if (l->source.len && l->source.sa.sa_family == to->sa.sa_family) {
        /* One source address can then serve many targets without a port kept for each. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, &l->source.sa, l->source.len)) {
            int err = errno;
            close(fd);
            return -err;
        }
    }
    if (connect(fd, &to->sa, to->len) && errno != EINPROGRESS) {
        int err = errno;
        close(fd);
        return -err;
    }
    return fd;
}

static int dial_launcher(struct worker *w, struct session *s, const struct addr *to)
{
    struct note *n = note_new(NOTE_DIAL);

    if (!n)
        return -ENOMEM;
    n->worker = w->index - w->shared->first_worker;
    n->session = s->id;
    n->addr = *to;
    inbox_post(w->to_main, n);
    s->shake->dial_token = 1;
    return 0;
}

void dial_cancel(struct worker *w, struct session *s)
{
    struct leg *inner = &s->leg[LEG_INNER];

    s->shake->dial_token = 0;
    if (inner->fd < 0)
        return;
    ring_disarm(ring_of(w), s, inner);
    close(inner->fd);
    inner->fd = -1;
}

/* The inner leg's connection is up, or failed (rc: 0 or -errno). */
static void dialled(struct worker *w, struct session *s, int rc)
{
    if (rc)
        dial_cancel(w, s);
    else if (s->link->policy->inner && s->link->policy->engine != ENGINE_SOFT &&
             w->shared->ktls.usable)
        leg_ktls_offer(s->leg[LEG_INNER].fd);
    flow_dialled(s, rc);
}

void dial_start(struct worker *w, struct session *s, const struct policy_target *t)
{
    struct leg *inner = &s->leg[LEG_INNER];
    int fd, rc;

    if (!t->addr.len || t->addr.sa.sa_family == AF_UNIX) {
        rc = dial_launcher(w, s, &t->addr);
        if (rc)
            flow_dialled(s, rc);
        return;
    }
    fd = dial_socket(s->link->policy, &t->addr);
    if (fd < 0) {
        flow_dialled(s, fd);
        return;
    }
    inner->fd = fd;
    rc = addr_is_loopback(&t->addr) ? dial_local(fd, &t->addr) : -EINPROGRESS;
    if (rc == -EINPROGRESS)
        ring_arm_out(ring_of(w), s, inner);
    else
        dialled(w, s, rc);
}

void dial_writable(struct worker *w, struct session *s)
{
    int err = 0;
    socklen_t len = sizeof err;

    if (getsockopt(s->leg[LEG_INNER].fd, SOL_SOCKET, SO_ERROR, &err, &len))
        err = errno;
    dialled(w, s, -err);
}

void dial_answered(struct worker *w, uint64_t session, int fd, int error)
{
    struct session *s = session_find(w, session);

    if (!s || s->state != SESSION_DIALLING || !s->shake->dial_token) {
        if (fd >= 0)
            close(fd);
        return;
    }
    s->shake->dial_token = 0;
    if (fd >= 0)
        s->leg[LEG_INNER].fd = fd;
    flow_dialled(s, fd >= 0 ? 0 : error);
}
