#include "dataplane/core/iobuf.h"
#include "dataplane/record/seal.h"
#include "tests/unit/test.h"

TEST("large pieces stay where they are")
{
    struct iobuf_cache c = {0};
    struct iobuf *io = iobuf_get(&c);

    iobuf_add(io, io->mem + 100, 2000);
    iobuf_add(io, io->mem + 3000, 2000);
    EXPECT(io->n == 2 && io->bytes == 4000);
    EXPECT(io->piece[1].iov_base == io->mem + 3000);
    iobuf_put(&c, io);
    iobuf_cache_fini(&c);
}

TEST("six thousand one-byte records become one piece with every byte in order")
{
    struct iobuf_cache c = {0};
    struct iobuf *io = iobuf_get(&c);
    bool same = true;

    for (unsigned i = 0; i < 6000; i++) {
        uint8_t *at = io->mem + IOBUF_FRONT + i * 22 + 5;
        *at = (uint8_t)i;
        iobuf_add(io, at, 1);
    }
    EXPECT(io->n == 1 && io->piece[0].iov_len == 6000);
    for (unsigned i = 0; i < 6000; i++)
        same &= ((uint8_t *)io->piece[0].iov_base)[i] == (uint8_t)i;
    EXPECT(same);
    iobuf_put(&c, io);
    iobuf_cache_fini(&c);
}

TEST("the worst mix of record sizes stays within the pieces, none above a record")
{
    struct iobuf_cache c = {0};
    struct iobuf *io = iobuf_get(&c);
    uint8_t *at = io->mem + IOBUF_FRONT;
    size_t total = 0;
    bool fits = true;

    /* just above what is moved together, alternating with the smallest */
    for (unsigned i = 0; at + 1025 + 22 < io->mem + IOBUF_FRONT + IOBUF_READ; i++) {
        size_t n = i % 2 ? 1 : 1025;
        iobuf_add(io, at + 5, n);
        total += n;
        at += n + 22;
    }
    for (unsigned i = 0; i < io->n; i++)
        fits &= io->piece[i].iov_len <= RECORD_PLAIN_MAX;
    EXPECT(fits && io->bytes == total && io->n <= IOBUF_PIECES);
    iobuf_put(&c, io);
    iobuf_cache_fini(&c);
}

TEST("while many blocks are under way the next ones are filled with less")
{
    struct iobuf_cache c = {0};
    struct iobuf *io[IOBUF_FEW + 1];

    for (int i = 0; i < IOBUF_FEW; i++)
        io[i] = iobuf_get(&c);
    EXPECT(iobuf_records(&c) == IOBUF_RECORDS);
    io[IOBUF_FEW] = iobuf_get(&c);
    EXPECT(iobuf_records(&c) == IOBUF_SMALL);
    iobuf_put(&c, io[0]);
    EXPECT(iobuf_records(&c) == IOBUF_RECORDS);
    for (int i = 1; i <= IOBUF_FEW; i++)
        iobuf_put(&c, io[i]);
    iobuf_cache_fini(&c);
}

TEST("nothing is added for an empty record")
{
    struct iobuf_cache c = {0};
    struct iobuf *io = iobuf_get(&c);

    iobuf_add(io, io->mem, 0);
    EXPECT(io->n == 0 && io->bytes == 0);
    iobuf_put(&c, io);
    iobuf_cache_fini(&c);
}

TEST("the cache keeps a bounded number of blocks")
{
    struct iobuf_cache c = {0};
    struct iobuf *io[IOBUF_CACHED * 2];

    for (int i = 0; i < IOBUF_CACHED * 2; i++)
        io[i] = iobuf_get(&c);
    EXPECT(c.live == IOBUF_CACHED * 2);
    for (int i = 0; i < IOBUF_CACHED * 2; i++)
        iobuf_put(&c, io[i]);
    EXPECT(c.live == 0 && c.n_free == IOBUF_CACHED);
    iobuf_cache_fini(&c);
}

int main(void)
{
    return test_run();
}
