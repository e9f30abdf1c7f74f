/* The plain leg: bytes as they are; FIN is its end. */
#include "dataplane/core/legs.h"
#include "dataplane/core/stream.h"

static enum leg_event plain_recv(struct worker *w, struct leg *leg, struct iobuf *io, bool *more)
{
    struct iovec iov[IOBUF_RECORDS];
    unsigned records = iobuf_records(&w->iobufs);
    ssize_t n;

    iobuf_layout(io, iov);
    n = w->net->read(w, leg, iov, records);
    *more = n == (ssize_t)records * RECORD_PLAIN_MAX;
    if (n < 0)
        return stream_recv_error(leg, (int)-n);
    if (n == 0)
        return LEG_EOF;
    leg->seen_data = true;
    iobuf_filled(io, iov, (size_t)n);
    return LEG_DATA;
}

const struct leg_ops leg_plain_ops = {
    .engine = LEG_PLAIN,
    .recv = plain_recv,
    .send = stream_send,
    .flush = stream_flush,
};
