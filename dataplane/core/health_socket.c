/* Periodic checks over sockets, of links that the DPDK engine does not carry. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/core/health.h"

static bool carries(const struct policy_link *l)
{
    return l->engine != ENGINE_DPDK;
}

static int begin(void *self, const struct policy_link *l, const struct addr *to)
{
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    (void)self;
    (void)l;
    if (fd < 0)
        return -EAGAIN;
    if (connect(fd, &to->sa, to->len) == 0 || errno == EINPROGRESS)
        return fd;
    rc = -errno;
    close(fd);
    return rc == -EAGAIN ? -ENETUNREACH : rc;
}

static int look(void *self, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int err = 0;
    socklen_t len = sizeof err;

    (void)self;
    if (poll(&p, 1, 0) != 1)
        return -EINPROGRESS;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    return -err;
}

static void end(void *self, int fd)
{
    (void)self;
    close(fd);
}

const struct health_net health_sockets = {carries, begin, look, end};

unsigned health_poll(const struct health *h, struct pollfd *p, unsigned cap)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n && n < cap; i++)
        if (h->checks[i].handle >= 0)
            p[n++] = (struct pollfd){.fd = h->checks[i].handle, .events = POLLOUT};
    return n;
}
