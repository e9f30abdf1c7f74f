/*
 * uring: recv and send as io_uring operations, each flow with a buffer of its own and one operation
 * in flight, all that is due submitted with one call.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "perf/micro/relay/relay.h"

#define ENTRIES 4096
#define SIZE    (256u << 10)

struct stream {
    struct both *both;
    int from, to;
    bool sending, done;
    uint8_t *buffer;
    size_t at, n;
};

struct both {
    struct stream up, down;
};

static struct io_uring_sqe *next(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (sqe)
        return sqe;
    check(io_uring_submit(ring) >= 0);
    sqe = io_uring_get_sqe(ring);
    check(sqe);
    return sqe;
}

static void accept_next(struct io_uring *ring, int listening)
{
    struct io_uring_sqe *sqe = next(ring);

    io_uring_prep_accept(sqe, listening, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, NULL);
}

static void step(struct io_uring *ring, struct stream *s)
{
    struct io_uring_sqe *sqe = next(ring);

    if (s->sending)
        io_uring_prep_send(sqe, s->to, s->buffer + s->at, s->n - s->at, MSG_NOSIGNAL);
    else
        io_uring_prep_recv(sqe, s->from, s->buffer, SIZE, 0);
    io_uring_sqe_set_data(sqe, s);
}

/* The ring itself waits, which it does not for a descriptor that says not to. */
static void blocking(int fd)
{
    check(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) == 0);
}

static void begin(struct io_uring *ring, int outer, const struct addr *to)
{
    struct both *b;
    int inner = relay_dial(to);

    if (inner < 0) {
        close(outer);
        return;
    }
    blocking(inner);
    b = calloc(1, sizeof(*b));
    check(b);
    b->up = (struct stream){.both = b, .from = outer, .to = inner, .buffer = malloc(SIZE)};
    b->down = (struct stream){.both = b, .from = inner, .to = outer, .buffer = malloc(SIZE)};
    check(b->up.buffer && b->down.buffer);
    step(ring, &b->up);
    step(ring, &b->down);
}

/* This direction is over; the pair is once both are. */
static void finish(struct stream *s, bool broken)
{
    struct both *b = s->both;

    s->done = true;
    shutdown(s->to, broken ? SHUT_RDWR : SHUT_WR);
    if (broken)
        shutdown(s->from, SHUT_RDWR);
    if (!b->up.done || !b->down.done)
        return;
    close(b->up.from);
    close(b->up.to);
    free(b->up.buffer);
    free(b->down.buffer);
    free(b);
}

static void complete(struct io_uring *ring, struct stream *s, int res)
{
    if (res == -EAGAIN || res == -EINTR) {
        step(ring, s);
        return;
    }
    if (res < 0 || (res == 0 && !s->sending)) {
        finish(s, res < 0);
        return;
    }
    if (s->sending) {
        s->at += (size_t)res;
        s->sending = s->at < s->n;
    } else {
        s->at = 0;
        s->n = (size_t)res;
        s->sending = true;
    }
    step(ring, s);
}

int relay_uring(int listening, const struct addr *to)
{
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    struct io_uring ring;
    int rc = io_uring_queue_init_params(ENTRIES, &ring, &p);

    if (rc)
        return rc;
    blocking(listening);
    accept_next(&ring, listening);
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        rc = io_uring_submit_and_wait(&ring, 1);
        check(rc >= 0 || rc == -EINTR);
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            struct stream *s = io_uring_cqe_get_data(cqe);

            seen++;
            if (s) {
                complete(&ring, s, cqe->res);
                continue;
            }
            if (cqe->res >= 0)
                begin(&ring, cqe->res, to);
            accept_next(&ring, listening);
        }
        io_uring_cq_advance(&ring, seen);
    }
}
