#include "dataplane/uring/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/core/worker.h"

void sock_no_delay(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void sock_hold_back(int fd, bool on)
{
    int value = on;

    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

void sock_options(struct worker *w, struct leg *leg, uint32_t keepalive_s, uint32_t user_timeout_s)
{
    int on = 1, idle = (int)keepalive_s, user_ms = (int)(user_timeout_s * 1000);

    (void)w;
    /* None of these can fail in a way that matters to a stream; unix sockets ignore them. */
    if (keepalive_s) {
        setsockopt(leg->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(leg->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    }
    if (user_timeout_s)
        setsockopt(leg->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof user_ms);
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

ssize_t sock_read(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n)
{
    ssize_t got;

    (void)w;
    /* One piece is the common case of TLS legs, and the cheaper call. */
    if (n == 1)
        got = recv(leg->fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT);
    else
        got = readv(leg->fd, iov, (int)n);
    return got < 0 ? (errno == EINTR ? -EAGAIN : -errno) : got;
}

ssize_t sock_write(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n};
    int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (leg->fin_next ? MSG_MORE : 0);
    ssize_t sent;

    (void)w;
    do
        sent = sendmsg(leg->fd, &m, flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

void sock_finish(struct worker *w, struct leg *leg)
{
    (void)w;
    shutdown(leg->fd, SHUT_WR);
}

void sock_reset(struct worker *w, struct leg *leg)
{
    (void)w;
    sock_hard(leg->fd);
}

void sock_hang_up(struct worker *w, struct leg *leg)
{
    (void)w;
    if (leg->fd >= 0)
        close(leg->fd);
    leg->fd = -1;
}

void sock_refuse(struct worker *w, int fd)
{
    (void)w;
    sock_hard(fd);
    close(fd);
}
