/* The socket implementation of the core's net: which engine carries a leg, and the table. */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "dataplane/base/clock.h"
#include "dataplane/core/legs.h"
#include "dataplane/uring/accept.h"
#include "dataplane/uring/dial.h"
#include "dataplane/uring/ring.h"
#include "dataplane/uring/sock.h"

/*
 * A TLS 1.3 server says nothing after the client's Finished: without this the kernel delays its
 * acknowledgement, and a client with Nagle's algorithm its first request, by 40 ms.
 */
static void acknowledge_now(const struct leg *leg)
{
    int on = 1;

    if (leg->side == LEG_OUTER && leg->version == TLS13)
        setsockopt(leg->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

static int install(struct worker *w, struct session *s, struct leg *leg)
{
    uint8_t wanted = s->link->policy->engine;
    int rc;

    acknowledge_now(leg);
    leg->why = wanted == ENGINE_SOFT ? "the link asks for soft"
                                     : leg_ktls_unfit(&w->shared->ktls, leg, wanted == ENGINE_KTLS);
    if (!leg->why) {
        rc = leg_ktls_install(leg);
        if (rc != -EAGAIN)
            return rc;
        leg->why = "the kernel refused the keys";
    }
    if (wanted == ENGINE_KTLS) {
        leg->fault_text = leg->why;
        return -EOPNOTSUPP;
    }
    return leg_soft_install(leg, &leg_soft_ops, seal_best);
}

static int net_listen(struct worker *w, const struct policy *p, const int *fds, unsigned n)
{
    return accept_listen(ring_of(w), p, fds, n);
}

static void net_stop_listening(struct worker *w)
{
    accept_stop(ring_of(w));
}

static void net_watch_query(struct worker *w, int fd)
{
    ring_watch(ring_of(w), RING_QUERY, fd);
}

static void net_want_in(struct worker *w, struct session *s, struct leg *leg)
{
    ring_arm_in(ring_of(w), s, leg);
}

static void net_want_out(struct worker *w, struct session *s, struct leg *leg)
{
    ring_arm_out(ring_of(w), s, leg);
}

static bool net_awaited(struct worker *w)
{
    const struct ring *r = ring_of(w);

    return ring_untold(r) || io_uring_cq_ready(&r->u) > 0 || r->later_n > 0 ||
           (r->hold.n > 0 && hold_wait_us(&r->hold, clock_mono_us()) == 0);
}

static void net_unwant(struct worker *w, struct session *s, struct leg *leg)
{
    ring_disarm(ring_of(w), s, leg);
}

const struct net_ops uring_net = {
    .read = sock_read,
    .write = sock_write,
    .move = move_bytes,
    .options = sock_options,
    .finish = sock_finish,
    .reset = sock_reset,
    .hang_up = sock_hang_up,
    .refuse = sock_refuse,
    .want_in = net_want_in,
    .want_out = net_want_out,
    .unwant = net_unwant,
    .awaited = net_awaited,
    .dial = dial_start,
    .dial_writable = dial_writable,
    .dial_answered = dial_answered,
    .dial_cancel = dial_cancel,
    .install = install,
    .listen = net_listen,
    .stop_listening = net_stop_listening,
    .watch_query = net_watch_query,
};
