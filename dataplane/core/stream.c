#include "dataplane/core/stream.h"

#include <errno.h>
#include <string.h>
#include "dataplane/base/check.h"

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

int stream_send(struct worker *w, struct leg *leg, struct iobuf *io)
{
    while (io->first < io->n) {
        ssize_t n = w->net->write(w, leg, &io->piece[io->first], io->n - io->first);

        if (n == -EAGAIN) {
            leg->out = io;
            return 0;
        }
        if (n < 0) {
            leg->out = NULL;
            iobuf_put(&w->iobufs, io);
            return (int)n;
        }
        iobuf_advance(io, (size_t)n);
    }
    leg->out = NULL;
    iobuf_put(&w->iobufs, io);
    return 0;
}

int stream_flush(struct worker *w, struct leg *leg)
{
    return leg->out ? stream_send(w, leg, leg->out) : 0;
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

int stream_send_bytes(struct worker *w, struct leg *leg, const uint8_t *data, size_t n)
{
    while (n > 0 && !leg->out) {
        struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = n};
        ssize_t sent = w->net->write(w, leg, &piece, 1);

        if (sent == -EAGAIN)
            break;
        if (sent < 0)
            return (int)sent;
        data += sent;
        n -= (size_t)sent;
    }
    return n ? park_bytes(w, leg, data, n) : 0;
}

enum leg_event stream_recv_error(struct leg *leg, int err)
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
        return leg_fail(leg, REASON_RESET, 0, "the connection failed");
    }
}
