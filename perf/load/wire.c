/* The kernel's sockets. */
#include "perf/load/wire.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "perf/load/socket.h"

int wire_begin(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    return epoll < 0 ? -errno : epoll;
}

void wire_end(int wire)
{
    if (wire >= 0)
        close(wire);
}

static int begin_connect(int fd, const struct addr *to, const struct addr *source)
{
    int one = 1;

    socket_options(fd);
    /* The port is chosen at connect(), when the other end is known: more of them can be had. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (source && bind(fd, &source->sa, source->len))
        return -EADDRNOTAVAIL;
    if (!connect(fd, &to->sa, to->len) || errno == EINPROGRESS)
        return 0;
    return errno == EADDRNOTAVAIL ? -EADDRNOTAVAIL : -ECONNREFUSED;
}

int wire_dial(int wire, const struct addr *to, const struct addr *source, void *who)
{
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), rc;

    if (fd < 0)
        return -EMFILE;
    rc = begin_connect(fd, to, source);
    if (!rc && !wire_watch(wire, fd, EPOLLOUT, who))
        rc = -EMFILE;
    if (rc)
        close(fd);
    return rc ? rc : fd;
}

int wire_error(int fd)
{
    int e = 0;
    socklen_t n = sizeof(e);

    check(getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &n) == 0);
    return e;
}

bool wire_attach(SSL *ssl, int fd)
{
    return SSL_set_fd(ssl, fd) == 1;
}

ssize_t wire_recv(int fd, void *to, size_t n)
{
    ssize_t rc = recv(fd, to, n, 0);

    return rc < 0 ? -errno : rc;
}

/* MSG_TRUNC: the kernel drops the bytes and tells how many (tcp(7)). */
ssize_t wire_drop(int fd, size_t n)
{
    ssize_t rc = recv(fd, NULL, n, MSG_TRUNC);

    return rc < 0 ? -errno : rc;
}

ssize_t wire_send(int fd, const void *from, size_t n)
{
    ssize_t rc = send(fd, from, n, MSG_NOSIGNAL);

    return rc < 0 ? -errno : rc;
}

ssize_t wire_send_fixed(int fd, const void *from, size_t n)
{
    return wire_send(fd, from, n);
}

void wire_finish(int fd)
{
    shutdown(fd, SHUT_WR);
}

void wire_patient(int fd, int bytes)
{
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

void wire_close(int fd, bool hard)
{
    struct linger now = {.l_onoff = 1};

    if (hard)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

bool wire_watch(int wire, int fd, uint32_t events, void *who)
{
    struct epoll_event ev = {.events = events, .data.ptr = who};

    return epoll_ctl(wire, EPOLL_CTL_ADD, fd, &ev) == 0;
}

void wire_want(int wire, int fd, uint32_t events, void *who)
{
    struct epoll_event ev = {.events = events, .data.ptr = who};

    check(epoll_ctl(wire, EPOLL_CTL_MOD, fd, &ev) == 0);
}

int wire_wait(int wire, struct epoll_event *ev, int n, uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    int rc = epoll_pwait2(wire, ev, n, &t, NULL);

    check(rc >= 0 || errno == EINTR);
    return rc < 0 ? 0 : rc;
}
