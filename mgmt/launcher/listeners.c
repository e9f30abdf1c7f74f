#include "mgmt/launcher/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/check.h"

static int set_on(int fd, int level, int option)
{
    int on = 1;

    return setsockopt(fd, level, option, &on, sizeof(on)) ? -errno : 0;
}

/*
 * A socket bound to *a; shared: others may bind the same; floating: to an address that may not be
 * here (ip(7)). Descriptor or -errno.
 */
static int bind_one(const struct addr *a, bool shared, bool floating)
{
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0)
        return -errno;
    rc = set_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (!rc && shared)
        rc = set_on(fd, SOL_SOCKET, SO_REUSEPORT);
    if (!rc && a->sa.sa_family == AF_INET6)
        rc = set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (!rc && floating)
        rc = set_on(fd, IPPROTO_IP, IP_FREEBIND); /* counts for IPv6 as well */
    if (!rc && bind(fd, &a->sa, a->len))
        rc = -errno;
    if (!rc)
        return fd;
    close(fd);
    return rc;
}

/* True if one of our own sockets has this port: the probe would only find ourselves. */
static bool port_is_ours(const struct listeners *old, const struct addr *a)
{
    for (unsigned i = 0; old && i < old->n; i++) {
        if (addr_port(&old->addrs[i]) == addr_port(a))
            return true;
    }
    return false;
}

static int probe(const struct addr *a, bool floating)
{
    int fd = bind_one(a, false, floating);

    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

/* Port 0: the first socket's port becomes that of its siblings. */
static int learn_port(int fd, struct addr *a)
{
    struct addr bound = *a;
    socklen_t len = sizeof(bound.in6);

    if (addr_port(a))
        return 0;
    if (getsockname(fd, &bound.sa, &len))
        return -errno;
    bound.len = len;
    *a = bound;
    return 0;
}

static int open_address(int *fds, const struct policy_listener *l, const struct listeners *old,
                        unsigned workers)
{
    struct addr a = l->addr;
    int rc = 0;

    if (!addr_is_ip(&a))
        return -EAFNOSUPPORT;
    if (addr_port(&a) && !port_is_ours(old, &a))
        rc = probe(&a, l->floating);
    for (unsigned w = 0; w < workers && !rc; w++) {
        fds[w] = bind_one(&a, true, l->floating);
        if (fds[w] < 0)
            return fds[w];
        rc = listen(fds[w], LISTEN_BACKLOG) ? -errno : learn_port(fds[w], &a);
    }
    return rc;
}

static int take_along(int *fds, const struct listeners *old, unsigned i)
{
    for (unsigned w = 0; w < old->workers; w++) {
        fds[w] = fcntl(old->fds[i * old->workers + w], F_DUPFD_CLOEXEC, 0);
        if (fds[w] < 0)
            return -errno;
    }
    return 0;
}

static int open_listener(int *fds, const struct policy_listener *l, const struct listeners *old,
                         unsigned workers)
{
    for (unsigned i = 0; old && old->workers == workers && i < old->n; i++) {
        if (addr_equal(&old->addrs[i], &l->addr) && old->fds[i * workers] >= 0)
            return take_along(fds, old, i);
    }
    return open_address(fds, l, old, workers);
}

static const char *way_out(int rc)
{
    switch (-rc) {
    case EADDRINUSE:
        return "stop the program that uses it, or choose another port";
    case EADDRNOTAVAIL:
        return "use an address of this host, 0.0.0.0 or [::]";
    case EACCES:
    case EPERM:
        return "start penstockd as root, or choose a port above 1023";
    case EAFNOSUPPORT:
        return "use a TCP address: 1.2.3.4:443 or [2001:db8::1]:443";
    case EMFILE:
    case ENFILE:
        return "raise the hard limit of open files, or use fewer workers or addresses";
    default:
        return "choose another address";
    }
}

static int explain(struct err *e, int rc, const struct policy *p, unsigned i)
{
    const struct policy_listener *l = &p->listeners[i];
    char where[POLICY_NAME_MAX + 32], text[ADDR_TEXT_MAX];

    snprintf(where, sizeof(where), "/links/%s/listen/address", p->links[l->links[0]].name);
    return err_set(e, rc, where, way_out(rc), "can not listen on %s (%s)",
                   addr_text(&l->addr, text), strerror(-rc));
}

int listeners_open(struct listeners *out, const struct policy *p, const struct listeners *old,
                   unsigned workers, struct err *e)
{
    struct listeners made = {.n = p->n_listeners, .workers = workers};
    size_t n_fds = (size_t)made.n * workers;
    int rc = 0;

    made.addrs = calloc(made.n + 1, sizeof(*made.addrs));
    made.fds = malloc((n_fds + 1) * sizeof(*made.fds));
    if (!made.addrs || !made.fds) {
        free(made.addrs);
        free(made.fds);
        return err_set(e, -ENOMEM, "/links", "free memory", "out of memory");
    }
    for (size_t i = 0; i < n_fds; i++)
        made.fds[i] = -1;
    for (unsigned i = 0; i < made.n && !rc; i++) {
        check(p->listeners[i].n_links > 0);
        made.addrs[i] = p->listeners[i].addr;
        if (p->listeners[i].dpdk)
            continue; /* no address of this host's */
        rc = open_listener(&made.fds[i * workers], &p->listeners[i], old, workers);
        if (rc)
            explain(e, rc, p, i);
    }
    if (rc) {
        listeners_close(&made);
        return rc;
    }
    *out = made;
    return 0;
}

void listeners_close(struct listeners *l)
{
    for (size_t i = 0; i < (size_t)l->n * l->workers; i++) {
        if (l->fds[i] >= 0)
            close(l->fds[i]);
    }
    free(l->fds);
    free(l->addrs);
    memset(l, 0, sizeof(*l));
}
