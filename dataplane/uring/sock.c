#include "dataplane/uring/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "dataplane/base/check.h"
#include "dataplane/core/worker.h"

void sock_options(int fd, uint32_t keepalive_s, uint32_t user_timeout_s)
{
    int on = 1, idle = (int)keepalive_s, user_ms = (int)(user_timeout_s * 1000);

    /* None of these can fail in a way that matters to a stream; unix sockets ignore them. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (keepalive_s) {
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    }
    if (user_timeout_s)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof user_ms);
}

void sock_local(int fd, const struct addr *at)
{
    static const char name[] = "reno";

    if (addr_is_loopback(at))
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, sizeof name - 1);
}

void sock_hard(int fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

/* n bytes of the pieces went out. */
static void iobuf_advance(struct iobuf *io, size_t n)
{
    while (n > 0) {
        struct iovec *v = &io->piece[io->first];
        size_t step = n < v->iov_len ? n : v->iov_len;

        v->iov_base = (uint8_t *)v->iov_base + step;
        v->iov_len -= step;
        n -= step;
        if (v->iov_len == 0)
            io->first++;
    }
}

int sock_send(struct worker *w, struct leg *leg, struct iobuf *io)
{
    while (io->first < io->n) {
        struct msghdr m = {.msg_iov = &io->piece[io->first], .msg_iovlen = io->n - io->first};
        ssize_t n = sendmsg(leg->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            leg->out = io;
            return 0;
        }
        if (n < 0) {
            int err = errno;
            leg->out = NULL;
            iobuf_put(&w->iobufs, io);
            return -err;
        }
        iobuf_advance(io, (size_t)n);
    }
    leg->out = NULL;
    iobuf_put(&w->iobufs, io);
    return 0;
}

int sock_flush(struct worker *w, struct leg *leg)
{
    return leg->out ? sock_send(w, leg, leg->out) : 0;
}

/* Copy bytes behind what is waiting; there is room for handshake flights and a few records. */
static int park_bytes(struct worker *w, struct leg *leg, const uint8_t *data, size_t n)
{
    struct iobuf *io = leg->out;
    uint8_t *end;

    if (!io) {
        io = iobuf_get(&w->iobufs);
        if (!io)
            return -ENOMEM;
        leg->out = io;
    }
    end = io->n ? (uint8_t *)io->piece[io->n - 1].iov_base + io->piece[io->n - 1].iov_len
                : io->mem + IOBUF_FRONT;
    if (io->n == IOBUF_PIECES || n > (size_t)(io->mem + IOBUF_MEM - end))
        return -ENOBUFS;
    memcpy(end, data, n);
    io->piece[io->n++] = (struct iovec){.iov_base = end, .iov_len = n};
    return 0;
}

int sock_send_bytes(struct worker *w, struct leg *leg, const uint8_t *data, size_t n)
{
    while (n > 0 && !leg->out) {
        ssize_t sent = send(leg->fd, data, n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (sent < 0)
            return -errno;
        data += sent;
        n -= (size_t)sent;
    }
    return n ? park_bytes(w, leg, data, n) : 0;
}

enum leg_event sock_recv_error(struct leg *leg, int err)
{
    switch (err) {
    case EAGAIN:
    case EINTR:
        return LEG_AGAIN;
    case ECONNRESET:
    case EPIPE:
        return leg_fail(leg, REASON_RESET, 0, "the peer reset the connection");
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return leg_fail(leg, REASON_RESET, 0, "the network lost the peer");
    default:
        return leg_fail(leg, REASON_RESET, 0, "the socket failed");
    }
}

void iobuf_layout(struct iobuf *io, struct iovec iov[IOBUF_RECORDS])
{
    for (unsigned i = 0; i < IOBUF_RECORDS; i++) {
        iov[i].iov_base = io->mem + IOBUF_FRONT + (size_t)i * IOBUF_RECORD;
        iov[i].iov_len = RECORD_PLAIN_MAX;
    }
}

void iobuf_filled(struct iobuf *io, const struct iovec iov[IOBUF_RECORDS], size_t n)
{
    io->gap = IOBUF_RECORD - RECORD_PLAIN_MAX;
    for (unsigned i = 0; n > 0; i++) {
        size_t step = n < RECORD_PLAIN_MAX ? n : RECORD_PLAIN_MAX;

        check(i < IOBUF_RECORDS);
        iobuf_add(io, iov[i].iov_base, step);
        n -= step;
    }
}
