/* The plain leg: bytes as they are; FIN is its end. */
#include <errno.h>
#include <sys/uio.h>
#include "dataplane/uring/sock.h"

static enum leg_event plain_recv(struct worker *w, struct leg *leg, struct iobuf *io, bool *more)
{
    struct iovec iov[IOBUF_RECORDS];
    ssize_t n;

    (void)w;
    iobuf_layout(io, iov);
    n = readv(leg->fd, iov, IOBUF_RECORDS);
    *more = n == IOBUF_RECORDS * RECORD_PLAIN_MAX;
    if (n < 0)
        return sock_recv_error(leg, errno);
    if (n == 0)
        return LEG_EOF;
    leg->seen_data = true;
    iobuf_filled(io, iov, (size_t)n);
    return LEG_DATA;
}

const struct leg_ops leg_plain_ops = {
    .engine = LEG_PLAIN,
    .recv = plain_recv,
    .send = sock_send,
    .flush = sock_flush,
};
