/* The socket implementation of the core's net: which state wants what from an event, and the end of
 * a session's descriptors. */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/core/flow.h"
#include "dataplane/uring/dial.h"
#include "dataplane/uring/pump.h"
#include "dataplane/uring/ring.h"
#include "dataplane/uring/shake.h"
#include "dataplane/uring/sock.h"

#define LINGER_BYTES (1024 * 1024) /* discarded at most while last words travel */

/* The alert that a keyed leg hears when its session ends for this reason; 0: a reset says it all.
 */
static const uint8_t reason_alert[REASON_COUNT] = {
    [REASON_REVOKED] = 44,      [REASON_EXPIRED] = 45,   [REASON_CERTIFICATE_EXPIRED] = 45,
    [REASON_CRL_MISSING] = 46,  [REASON_CRL_STALE] = 46, [REASON_CRL_INVALID] = 46,
    [REASON_UNKNOWN_CA] = 48,   [REASON_NO_RULE] = 49,   [REASON_PEER_DENIED] = 49,
    [REASON_LINK_REMOVED] = 49, [REASON_CHAIN] = 42,     [REASON_PEER_SESSIONS] = 49,
    [REASON_INTERNAL] = 80,
};

static void plain(struct leg *leg)
{
    leg->ops = &leg_plain_ops;
}

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
    return leg_soft_install(leg);
}

static int prefix(struct worker *w, struct session *s, const uint8_t *data, size_t n)
{
    struct leg *inner = &s->leg[LEG_INNER];
    struct iobuf *io = iobuf_get(&w->iobufs);
    struct iovec iov[IOBUF_RECORDS];

    if (!io)
        return -ENOMEM;
    iobuf_layout(io, iov);
    memcpy(iov[0].iov_base, data, n); /* PROXY_MAX is less than a record */
    iobuf_filled(io, iov, n);
    return inner->ops->send(w, inner, io);
}

/* A fatal alert for a keyed TLS leg, if its socket takes it now. */
static void last_words(struct worker *w, struct session *s, struct leg *leg)
{
    uint8_t alert[2] = {2, leg->alert ? leg->alert : reason_alert[s->reason]};

    if (s->reason == REASON_CLOSED || !leg->ops || !leg->tls || leg->out || leg->tx_closed ||
        leg->peer_alert || !alert[1])
        return;
    if (leg->ops->control(w, leg, CONTENT_ALERT, alert, sizeof alert) == 0 && !leg->out)
        leg->linger = true;
}

static void to_draining(struct worker *w, struct session *s)
{
    if (s->leg[LEG_OUTER].linger || s->leg[LEG_INNER].linger || s->state != SESSION_CLOSING)
        return;
    for (int i = 0; i < 2; i++)
        ring_disarm(ring_of(w), s, &s->leg[i]);
    session_move(s, SESSION_DRAINING);
    session_arm_timer(s);
    ring_reap(ring_of(w), s);
}

static void wind_down(struct worker *w, struct session *s)
{
    for (int i = 0; i < 2; i++) {
        struct leg *leg = &s->leg[i];

        if (leg->fd < 0)
            continue;
        ring_disarm(ring_of(w), s, leg);
        last_words(w, s, leg);
        if (leg->linger) {
            shutdown(leg->fd, SHUT_WR);
            ring_arm_in(ring_of(w), s, leg);
        } else if (s->reason != REASON_CLOSED) {
            sock_hard(leg->fd);
        }
    }
    to_draining(w, s);
}

static void cut(struct worker *w, struct session *s)
{
    s->leg[LEG_OUTER].linger = s->leg[LEG_INNER].linger = false;
    to_draining(w, s);
}

/* Read and forget, so that closing does not reset the connection before our alert was read. */
static void discard(struct worker *w, struct session *s, struct leg *leg)
{
    struct iobuf *io = iobuf_get(&w->iobufs);
    ssize_t n = -1;

    if (io) {
        /* A kernel-TLS socket gives control records only to recvmsg; an error ends it just as well.
         */
        n = recv(leg->fd, io->mem, IOBUF_MEM, MSG_DONTWAIT);
        iobuf_put(&w->iobufs, io);
    }
    if (n > 0)
        leg->discarded += (uint32_t)n;
    if ((n > 0 && leg->discarded < LINGER_BYTES) || (n < 0 && errno == EAGAIN)) {
        ring_arm_in(ring_of(w), s, leg);
        return;
    }
    leg->linger = false;
    to_draining(w, s);
}

void uring_readable(struct worker *w, struct session *s, struct leg *leg)
{
    switch (s->state) {
    case SESSION_ADMITTED:
    case SESSION_SHAKING:
    case SESSION_SHAKING_INNER:
        shake_read(w, s, leg);
        break;
    case SESSION_PUMPING:
        pump_from(w, s, leg);
        break;
    case SESSION_CLOSING:
        discard(w, s, leg);
        break;
    default:
        break;
    }
}

void uring_writable(struct worker *w, struct session *s, struct leg *leg)
{
    switch (s->state) {
    case SESSION_DIALLING:
        if (leg->side == LEG_INNER)
            dial_writable(w, s);
        else
            shake_writable(w, s, leg);
        break;
    case SESSION_SHAKING:
    case SESSION_SHAKING_INNER:
        shake_writable(w, s, leg);
        break;
    case SESSION_PUMPING:
        pump_writable(w, s, leg);
        break;
    default:
        break;
    }
}

void uring_close(struct session *s)
{
    for (int i = 0; i < 2; i++) {
        if (s->leg[i].fd >= 0)
            close(s->leg[i].fd);
        s->leg[i].fd = -1;
    }
}

const struct net_ops uring_net = {
    .read_records = shake_read,
    .send_raw = shake_send,
    .dial = dial_start,
    .dial_cancel = dial_cancel,
    .install = install,
    .plain = plain,
    .prefix = prefix,
    .pump = pump_start,
    .wind_down = wind_down,
    .cut = cut,
};
