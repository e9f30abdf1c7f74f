/*
 * copy: recv(2) and send(2) through one buffer that all flows share. What a socket does not take is
 * kept aside until it does, and nothing more is read for it meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "perf/micro/relay/relay.h"

#define SIZE  (256u << 10)
#define TURNS 4 /* reads in a row of one flow, so that the others get theirs */

static uint8_t *buffer(void)
{
    static uint8_t shared[SIZE];

    return shared;
}

/* Send [data, data + n); the bytes that went, or -1. */
static ssize_t send_some(int fd, const uint8_t *data, size_t n)
{
    ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN ? 0 : -1;
    return sent;
}

static int send_kept(struct flow *f)
{
    ssize_t sent = send_some(f->to, f->kept + f->at, f->n - f->at);

    if (sent < 0)
        return -1;
    f->at += (size_t)sent;
    f->blocked = f->at < f->n;
    if (!f->blocked) {
        free(f->kept);
        f->kept = NULL;
        f->at = f->n = 0;
    }
    return 0;
}

static int keep(struct flow *f, const uint8_t *data, size_t n)
{
    f->kept = malloc(n);
    if (!f->kept)
        return -1;
    memcpy(f->kept, data, n);
    f->at = 0;
    f->n = n;
    f->blocked = true;
    return 0;
}

static int move(struct flow *f)
{
    uint8_t *data = buffer();

    if (f->kept && send_kept(f))
        return -1;
    for (int i = 0; i < TURNS && !f->blocked && !f->eof; i++) {
        ssize_t n = recv(f->from, data, SIZE, 0), sent;

        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        if (n == 0) {
            f->eof = true;
            break;
        }
        sent = send_some(f->to, data, (size_t)n);
        if (sent < 0 || (sent < n && keep(f, data + sent, (size_t)(n - sent))))
            return -1;
        if (n < (ssize_t)SIZE) /* the socket was empty: no call to hear it say so */
            break;
    }
    return 0;
}

static void fini(struct flow *f)
{
    free(f->kept);
}

const struct mover mover_copy = {.move = move, .fini = fini};
