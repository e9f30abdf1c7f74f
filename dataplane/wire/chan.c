#include "dataplane/wire/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "dataplane/base/clock.h"

#define CHAN_SOCKET_BUFFER (1024 * 1024)
#define SEALS              (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static void set_buffer(int fd, int forced, int plain)
{
    int size = CHAN_SOCKET_BUFFER;

    /* Beyond the system's limit only with privilege; without it the limit itself. */
    if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

int chan_pair(int fds[2])
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
        return -errno;
    for (int i = 0; i < 2; i++) {
        set_buffer(pair[i], SO_SNDBUFFORCE, SO_SNDBUF);
        set_buffer(pair[i], SO_RCVBUFFORCE, SO_RCVBUF);
        fds[i] = pair[i];
    }
    return 0;
}

int chan_dial(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd, rc;

    if (strlen(path) >= sizeof to.sun_path)
        return -ENAMETOOLONG;
    memcpy(to.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (!connect(fd, (const struct sockaddr *)&to, sizeof to))
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

int chan_send(int fd, uint8_t type, const struct buf *body, const int *fds, size_t n_fds)
{
    uint8_t head[CHAN_HEADER] = {CHAN_VERSION, type, 0, 0};
    struct iovec iov[2] = {{head, sizeof head}, {body ? body->data : NULL, body ? body->len : 0}};
    union {
        struct cmsghdr align;
        char mem[CMSG_SPACE(sizeof(int) * CHAN_FDS_MAX)];
    } control;
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;

    if (n_fds > CHAN_FDS_MAX || (body && !buf_ok(body)))
        return -EINVAL;
    if (body && body->len > CHAN_BODY_MAX)
        return -EMSGSIZE;
    if (n_fds) {
        struct cmsghdr *c;
        memset(&control, 0, sizeof control);
        m.msg_control = control.mem;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    do
        n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == ENOBUFS || errno == EWOULDBLOCK ? -EAGAIN : -errno;
    return 0;
}

int chan_send_wait(int fd, uint8_t type, const struct buf *body, const int *fds, size_t n_fds,
                   int timeout_ms)
{
    uint64_t deadline_ms = clock_mono_ms() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int rc;

    while ((rc = chan_send(fd, type, body, fds, n_fds)) == -EAGAIN) {
        uint64_t now_ms = clock_mono_ms();
        if (now_ms >= deadline_ms)
            return -ETIMEDOUT;
        if (poll(&p, 1, (int)(deadline_ms - now_ms)) < 0 && errno != EINTR)
            return -errno;
    }
    return rc;
}

/* Take descriptors out of the control data; false if something else, or too much, came. */
static bool take_fds(struct msghdr *m, struct chan_msg *out)
{
    bool good = true;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            good = false;
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (out->n_fds < CHAN_FDS_MAX) {
                out->fds[out->n_fds++] = fd;
            } else {
                close(fd);
                good = false;
            }
        }
    }
    return good;
}

int chan_recv(int fd, void *mem, size_t cap, struct chan_msg *out)
{
    struct iovec iov = {mem, cap};
    union {
        struct cmsghdr align;
        char mem[CMSG_SPACE(sizeof(int) * (CHAN_FDS_MAX + 4))];
    } control;
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.mem,
                       .msg_controllen = sizeof control.mem};
    const uint8_t *head = mem;
    bool good;
    ssize_t n;

    memset(out, 0, sizeof *out);
    /*
     * A peer that died with messages of ours unread is reported as a reset, once, ahead of what it
     * said before: that is still to be heard.
     */
    do
        n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    good = take_fds(&m, out);
    if (n == 0 && out->n_fds == 0)
        return 0; /* an empty packet looks the same, and ends the channel as well */
    if (!good || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || n < CHAN_HEADER ||
        n > CHAN_HEADER + CHAN_BODY_MAX || head[0] != CHAN_VERSION || head[2] || head[3]) {
        chan_msg_close_fds(out);
        return -EPROTO;
    }
    out->type = head[1];
    buf_init_read(&out->body, head + CHAN_HEADER, (size_t)n - CHAN_HEADER);
    return 1;
}

int chan_msg_take_fd(struct chan_msg *m, size_t i)
{
    int fd;

    if (i >= m->n_fds)
        return -1;
    fd = m->fds[i];
    m->fds[i] = -1;
    return fd;
}

void chan_msg_close_fds(struct chan_msg *m)
{
    for (size_t i = 0; i < m->n_fds; i++)
        if (m->fds[i] >= 0)
            close(m->fds[i]);
    m->n_fds = 0;
}

int memfd_seal(const char *name, const void *data, size_t n)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const uint8_t *p = data;
    int err;

    if (fd < 0)
        return -errno;
    while (n > 0) {
        ssize_t wrote = write(fd, p, n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            goto fail;
        p += wrote;
        n -= (size_t)wrote;
    }
    if (fcntl(fd, F_ADD_SEALS, SEALS))
        goto fail;
    return fd;
fail:
    err = errno;
    close(fd);
    return -err;
}

int memfd_map(int fd, size_t max, const void **data, size_t *n)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;
    void *p;

    if (seals < 0 || (seals & SEALS) != SEALS)
        return -EPERM;
    if (fstat(fd, &st))
        return -errno;
    if (st.st_size == 0)
        return -ENODATA;
    if ((uint64_t)st.st_size > max)
        return -EFBIG;
    /*
     * Private, although nobody writes: some older kernels (5.15 among them; Debian's 6.1.0-56 does
     * not) refuse a shared mapping of what is sealed against writing, even a read-only one. The
     * pages are those of the file all the same.
     */
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *data = p;
    *n = (size_t)st.st_size;
    return 0;
}
