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
    else if (!memcmp(last, PARTITION_RESET, strlen(PARTITION_RESET)))
        *kind = PARTITION_OLD;
    else
        *kind = is_ext4(first) ? PARTITION_USED : PARTITION_DAMAGED;
    *blocks = (uint64_t)at / PARTITION_BLOCK;
    return 0;
}

static int write_whole(int fd, const void *from, size_t n, off_t at)
{
    ssize_t put = pwrite(fd, from, n, at);

    return put < 0 ? -errno : (size_t)put != n ? -EIO : 0;
}

/* The last block says this and nothing else, and it is on the disk. */
static int set_mark(int fd, const char *mark)
{
    uint8_t block[PARTITION_BLOCK] = {0};
    off_t at = 0;
    int rc = last_block(fd, &at);

    memcpy(block, mark, strlen(mark));
    if (!rc)
        rc = write_whole(fd, block, sizeof(block), at);
    if (!rc && fsync(fd))
        rc = -errno;
    return rc;
}

int partition_begin(int fd)
{
    return set_mark(fd, "");
}

int partition_condemn(int fd)
{
    return set_mark(fd, PARTITION_RESET);
}

int partition_empty(int fd)
{
    static const uint8_t nothing[1 << 20];
    off_t end = 0;
    int rc = last_block(fd, &end);

    for (off_t at = 0; !rc && at < end; at += (off_t)sizeof(nothing)) {
        size_t left = (size_t)(end - at);

        rc = write_whole(fd, nothing, left < sizeof(nothing) ? left : sizeof(nothing), at);
    }
    if (!rc && fsync(fd))
        rc = -errno;
    return rc ? rc : set_mark(fd, PARTITION_MARK);
}
