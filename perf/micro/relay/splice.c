/*
 * splice: splice(2) from socket to pipe to socket: no byte comes to user space. A pipe a flow, made
 * when it first carries something.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "perf/micro/relay/relay.h"

#define SIZE  (1u << 20)
#define TURNS 4
#define FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK)

static int open_pipe(struct flow *f)
{
    if (f->pipe[0] >= 0)
        return 0;
    if (pipe2(f->pipe, O_NONBLOCK | O_CLOEXEC))
        return -1;
    fcntl(f->pipe[1], F_SETPIPE_SZ, SIZE);
    return 0;
}

static int empty_pipe(struct flow *f)
{
    f->blocked = false;
    while (f->in_pipe) {
        ssize_t n = splice(f->pipe[0], NULL, f->to, NULL, f->in_pipe, FLAGS);

        if (n < 0 && errno == EAGAIN) {
            f->blocked = true;
            return 0;
        }
        if (n <= 0)
            return -1;
        f->in_pipe -= (size_t)n;
    }
    return 0;
}

static int move(struct flow *f)
{
    if (open_pipe(f) || empty_pipe(f))
        return -1;
    for (int i = 0; i < TURNS && !f->blocked && !f->eof; i++) {
        ssize_t n = splice(f->from, NULL, f->pipe[1], NULL, SIZE, FLAGS);

        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        f->eof = n == 0;
        f->in_pipe = (size_t)n;
        if (empty_pipe(f))
            return -1;
    }
    return 0;
}

static void fini(struct flow *f)
{
    if (f->pipe[0] < 0)
        return;
    close(f->pipe[0]);
    close(f->pipe[1]);
}

const struct mover mover_splice = {.move = move, .fini = fini};
