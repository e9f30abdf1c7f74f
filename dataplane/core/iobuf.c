#include "dataplane/core/iobuf.h"

#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/record/seal.h"

#define SMALL_PIECE 1024 /* moving this much costs less than a record of its own */

struct iobuf *iobuf_get(struct iobuf_cache *c)
{
    struct iobuf *io = c->free;

    if (io) {
        c->free = io->next;
        c->n_free--;
    } else {
        io = malloc(sizeof *io);
        if (!io)
            return NULL;
    }
    c->live++;
    io->next = NULL;
    io->n = io->first = 0;
    io->bytes = 0;
    io->gap = 0;
    return io;
}

void iobuf_put(struct iobuf_cache *c, struct iobuf *io)
{
    if (!io)
        return;
    check(c->live > 0);
    c->live--;
    if (c->n_free >= IOBUF_CACHED) {
        free(io);
        return;
    }
    io->next = c->free;
    c->free = io;
    c->n_free++;
}

unsigned iobuf_records(const struct iobuf_cache *c)
{
    return c->live > IOBUF_FEW ? IOBUF_SMALL : IOBUF_RECORDS;
}

void iobuf_cache_fini(struct iobuf_cache *c)
{
    while (c->free) {
        struct iobuf *io = c->free;
        c->free = io->next;
        free(io);
    }
    c->n_free = 0;
}

void iobuf_add(struct iobuf *io, uint8_t *data, size_t n)
{
    struct iovec *last = io->n ? &io->piece[io->n - 1] : NULL;

    if (n == 0)
        return;
    io->bytes += n;
    if (last && (n <= SMALL_PIECE || last->iov_len <= SMALL_PIECE) &&
        last->iov_len + n <= RECORD_PLAIN_MAX) {
        memmove((uint8_t *)last->iov_base + last->iov_len, data, n);
        last->iov_len += n;
        return;
    }
    check(io->n < IOBUF_PIECES);
    io->piece[io->n++] = (struct iovec){.iov_base = data, .iov_len = n};
}

void iobuf_layout(struct iobuf *io, struct iovec iov[IOBUF_RECORDS])
{
    for (unsigned i = 0; i < IOBUF_RECORDS; i++) {
        iov[i].iov_base = io->mem + IOBUF_FRONT + (size_t)i * IOBUF_RECORD;
        iov[i].iov_len = RECORD_PLAIN_MAX;
    }
}

void iobuf_filled(struct iobuf *io, const struct iovec iov[IOBUF_RECORDS], size_t n)
{
    io->gap = IOBUF_RECORD - RECORD_PLAIN_MAX;
    for (unsigned i = 0; n > 0; i++) {
        size_t step = n < RECORD_PLAIN_MAX ? n : RECORD_PLAIN_MAX;

        check(i < IOBUF_RECORDS);
        iobuf_add(io, iov[i].iov_base, step);
        n -= step;
    }
}
