/* partition: is a state partition new only where it says so, and never taken for new when damaged?
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "appliance-image/src/partition.h"
#include "tests/unit/test.h"

#define SIZE     ((off_t)64 << 20)
#define MARK_AT  (SIZE - PARTITION_BLOCK)
#define MAGIC_AT (1024 + 56)

/* A partition of zeros of this size; the caller closes it. */
static int blank(off_t size)
{
    int fd = memfd_create("partition", MFD_CLOEXEC);

    EXPECT(fd >= 0 && !ftruncate(fd, size));
    return fd;
}

static void put(int fd, const void *what, size_t n, off_t at)
{
    EXPECT(pwrite(fd, what, n, at) == (ssize_t)n);
}

static void put_mark(int fd)
{
    put(fd, PARTITION_MARK, strlen(PARTITION_MARK), MARK_AT);
}

static void put_ext4(int fd)
{
    put(fd, "\x53\xef", 2, MAGIC_AT);
}

static enum partition_kind look(int fd)
{
    enum partition_kind kind = PARTITION_DAMAGED;
    uint64_t blocks = 0;

    EXPECT(!partition_look(fd, &kind, &blocks));
    EXPECT(blocks ==
           (uint64_t)MARK_AT / PARTITION_BLOCK); /* the mark's block is not the file system's */
    return kind;
}

TEST("a partition is new where the mark is, whatever else lies on it")
{
    int fd = blank(SIZE);

    put_mark(fd);
    EXPECT(look(fd) == PARTITION_NEW);
    put_ext4(fd); /* power went while the file system was made */
    EXPECT(look(fd) == PARTITION_NEW);
    close(fd);
}

TEST("when the mark is gone the file system counts, and the mark never comes back by itself")
{
    int fd = blank(SIZE);

    put_mark(fd);
    put_ext4(fd);
    EXPECT(!partition_begin(fd));
    EXPECT(look(fd) == PARTITION_USED);
    close(fd);
}

TEST("zeros, noise and a broken superblock are damage, not a new partition")
{
    static uint8_t noise[PARTITION_BLOCK];
    int fd = blank(SIZE);

    EXPECT(look(fd) == PARTITION_DAMAGED);
    put_ext4(fd);
    EXPECT(look(fd) == PARTITION_USED);
    memset(noise, 0xa5, sizeof(noise));
    put(fd, noise, sizeof(noise), 0);
    EXPECT(look(fd) == PARTITION_DAMAGED);
    put(fd, PARTITION_MARK, strlen(PARTITION_MARK) - 1, MARK_AT); /* all of the mark but its end */
    EXPECT(look(fd) == PARTITION_DAMAGED);
    close(fd);
}

static bool is_empty(int fd)
{
    uint8_t block[PARTITION_BLOCK], nothing[PARTITION_BLOCK] = {0};

    for (off_t at = 0; at < MARK_AT; at += PARTITION_BLOCK)
        if (pread(fd, block, sizeof(block), at) != PARTITION_BLOCK ||
            memcmp(block, nothing, sizeof(block)) != 0)
            return false;
    return true;
}

TEST("a factory reset leaves nothing, and is one until nothing is left")
{
    int fd = blank(SIZE);

    put_ext4(fd);
    put(fd, "key", 3, MARK_AT - 3);
    EXPECT(!partition_condemn(fd));
    EXPECT(look(fd) == PARTITION_OLD);
    put(fd, "\0\0", 2, MAGIC_AT); /* power went while it was emptied */
    EXPECT(look(fd) == PARTITION_OLD && !is_empty(fd));
    EXPECT(!partition_empty(fd));
    EXPECT(look(fd) == PARTITION_NEW && is_empty(fd));
    close(fd);
}

TEST("a partition that is too small, or can not be read or written, is an error")
{
    enum partition_kind kind = PARTITION_USED;
    uint64_t blocks = 7;
    int fd = blank((off_t)1 << 20);

    EXPECT(partition_look(fd, &kind, &blocks) == -ENOSPC);
    EXPECT(partition_begin(fd) == -ENOSPC && partition_condemn(fd) == -ENOSPC);
    EXPECT(partition_empty(fd) == -ENOSPC);
    close(fd);
    EXPECT(partition_look(fd, &kind, &blocks) == -EBADF);
    EXPECT(kind == PARTITION_USED && blocks == 7);
}

int main(void)
{
    return test_run();
}
