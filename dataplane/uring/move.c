#include "dataplane/uring/move.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/core/stream.h"
#include "dataplane/uring/ring.h"
#include "dataplane/uring/sock.h"

#define PIPE_SIZE (512 * 1024) /* 128 pages, of which many may be half full */
/* A record takes 16 pieces of a pipe at least, if they are small: so many records more may begin.
 */
#define RECORDS_MORE (PIPE_SIZE / 4096 / 16 + 1)

void mover_init(struct mover *m)
{
    m->pipe[0] = m->pipe[1] = -1;
    m->failed = false;
}

void mover_fini(struct mover *m)
{
    for (int i = 0; i < 2; i++) {
        if (m->pipe[i] >= 0)
            close(m->pipe[i]);
        m->pipe[i] = -1;
    }
}

static bool mover_ready(struct mover *m)
{
    if (m->pipe[0] >= 0 || m->failed)
        return !m->failed;
    m->failed = pipe2(m->pipe, O_NONBLOCK | O_CLOEXEC) != 0;
    if (m->failed)
        m->pipe[0] = m->pipe[1] = -1;
    else
        fcntl(m->pipe[1], F_SETPIPE_SZ, PIPE_SIZE); /* a smaller one moves less at once */
    return !m->failed;
}

static bool gives(const struct worker *w, const struct leg *leg)
{
    if (leg->ops->engine == LEG_KTLS)
        return w->shared->ktls.splice_lossless && post_idle(&leg->post) && !leg->control_next;
    return leg->ops->engine == LEG_PLAIN && leg->addr.sa.sa_family != AF_UNIX;
}

static bool takes(const struct leg *leg)
{
    return leg->ops->engine == LEG_KTLS ||
           (leg->ops->engine == LEG_PLAIN && leg->addr.sa.sa_family != AF_UNIX);
}

/*
 * Splice told an error, which the socket forgot in telling. EINVAL may also mean that a control
 * record is next, which stays: the usual way looks, and knows what to think if there is none.
 */
static void fill_error(struct leg *src, int err)
{
    if (err == EAGAIN || err == EINTR)
        return;
    if (src->ops->engine != LEG_KTLS)
        stream_recv_error(src, err);
    else if (err == EINVAL)
        src->control_next = true;
    else
        leg_ktls_error(src, err);
}

/* Into the empty pipe. Returns the bytes there now; the kernel gives one TLS record a call. */
static size_t fill(struct worker *w, struct mover *m, struct leg *src)
{
    const bool once = src->ops->engine == LEG_PLAIN;
    /* What a block may hold, should it have to. */
    const size_t most = (size_t)iobuf_records(&w->iobufs) * RECORD_PLAIN_MAX;
    size_t have = 0;

    while (have < most) {
        ssize_t n = splice(src->fd, NULL, m->pipe[1], NULL, most - have,
                           SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

        if (n < 0)
            fill_error(src, errno);
        if (n <= 0) /* 0: the end, which the usual way judges */
            break;
        have += (size_t)n;
        if (once)
            break;
    }
    return have;
}

/* What the socket did not take becomes a block. */
static int take_back(struct worker *w, struct mover *m, size_t left, struct moved *out)
{
    struct iobuf *io = iobuf_get(&w->iobufs);
    struct iovec iov[IOBUF_RECORDS];
    ssize_t n;

    if (!io)
        return -ENOMEM;
    iobuf_layout(io, iov);
    n = readv(m->pipe[0], iov, IOBUF_RECORDS);
    if (n != (ssize_t)left) {
        iobuf_put(&w->iobufs, io);
        return -EIO;
    }
    iobuf_filled(io, iov, left);
    out->rest = io;
    return 0;
}

/* Out of the pipe, which is empty afterwards. 0 or -errno of dst. */
static int empty(struct worker *w, struct mover *m, struct leg *dst, size_t left, struct moved *out)
{
    const bool several = dst->ops->engine == LEG_KTLS && left > RECORD_PLAIN_MAX;
    int rc = 0;

    if (several)
        sock_hold_back(dst->fd, true);
    while (left > 0 && rc == 0) {
        ssize_t n = splice(m->pipe[0], NULL, dst->fd, NULL, left,
                           SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

        if (n > 0)
            left -= (size_t)n;
        else if (n == 0 || errno != EINTR)
            rc = n == 0 ? -EIO : -errno;
    }
    if (several)
        sock_hold_back(dst->fd, false);
    if (rc == -EAGAIN)
        rc = take_back(w, m, left, out);
    if (rc)
        mover_fini(m);
    return rc;
}

enum leg_event move_bytes(struct worker *w, struct leg *src, struct leg *dst, struct moved *out)
{
    struct mover *m = &ring_of(w)->mover;

    if ((src->ops->engine != LEG_KTLS && dst->ops->engine != LEG_KTLS) || !gives(w, src) ||
        !takes(dst) || !mover_ready(m))
        return LEG_AGAIN;
    *out = (struct moved){.n = fill(w, m, src)};
    if (out->n == 0)
        return src->fault ? LEG_FAILED : LEG_AGAIN;
    src->seen_data = true;
    if (dst->ops->engine == LEG_KTLS)
        dst->tx_records += out->n / RECORD_PLAIN_MAX + RECORDS_MORE;
    out->error = empty(w, m, dst, out->n, out);
    return LEG_DATA;
}
