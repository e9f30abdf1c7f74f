#include "appliance-image/src/partition.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define BLOCKS_MIN 4096        /* 16 MiB */
#define MAGIC_AT   (1024 + 56) /* s_magic of ext4's first superblock */
#define MAGIC_LOW  0x53
#define MAGIC_HIGH 0xef

static int read_whole(int fd, void *to, size_t n, off_t at)
{
    ssize_t got = pread(fd, to, n, at);

    return got < 0 ? -errno : (size_t)got != n ? -EIO : 0;
}

static bool is_ext4(const uint8_t *block)
{
    return block[MAGIC_AT] == MAGIC_LOW && block[MAGIC_AT + 1] == MAGIC_HIGH;
}

static int last_block(int fd, off_t *at)
{
    off_t size = lseek(fd, 0, SEEK_END);

    if (size < 0)
        return -errno;
    if (size / PARTITION_BLOCK <= BLOCKS_MIN)
        return -ENOSPC;
    *at = (size / PARTITION_BLOCK - 1) * PARTITION_BLOCK;
    return 0;
}

int partition_look(int fd, enum partition_kind *kind, uint64_t *blocks)
{
    uint8_t first[PARTITION_BLOCK], last[PARTITION_BLOCK];
    off_t at = 0;
    int rc = last_block(fd, &at);

    if (!rc)
        rc = read_whole(fd, first, sizeof(first), 0);
    if (!rc)
        rc = read_whole(fd, last, sizeof(last), at);
    if (rc)
        return rc;
    if (!memcmp(last, PARTITION_MARK, strlen(PARTITION_MARK)))
        *kind = PARTITION_NEW;
    else
        *kind = is_ext4(first) ? PARTITION_USED : PARTITION_DAMAGED;
    *blocks = (uint64_t)at / PARTITION_BLOCK;
    return 0;
}

int partition_begin(int fd)
{
    static const uint8_t nothing[PARTITION_BLOCK];
    off_t at = 0;
    int rc = last_block(fd, &at);
    ssize_t n;

    if (rc)
        return rc;
    n = pwrite(fd, nothing, sizeof(nothing), at);
    if (n < 0)
        return -errno;
    if (n != (ssize_t)sizeof(nothing))
        return -EIO;
    return fsync(fd) ? -errno : 0;
}
