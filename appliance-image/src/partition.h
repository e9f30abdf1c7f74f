/*
 * partition: what lies on the appliance's state partition.
 *
 * Why: the image comes with an empty state partition, and a gateway must never take a damaged one
 * for an empty one: it would start without its links and hand out a new bootstrap token. So
 * emptiness is something that the image says, with a mark in the partition's last block, and not
 * something that is concluded from what is missing. A factory reset is a mark in the same place,
 * because a power cut must not leave half of a state. Owner: the caller's descriptor; no state.
 * Never: writes anything but the mark, unless the mark says that nothing on it counts.
 */
#ifndef PENSTOCK_IMAGE_PARTITION_H
#define PENSTOCK_IMAGE_PARTITION_H

#include <stdint.h>

#define PARTITION_BLOCK                                                                            \
    4096 /* bytes; the last one holds the mark, the file system has the others */
#define PARTITION_MARK  "penstock: an empty state partition\n"
#define PARTITION_RESET "penstock: to be emptied\n"

enum partition_kind {
    PARTITION_NEW,     /* the mark is there: whatever else there is, it was never used */
    PARTITION_OLD,     /* marked for a factory reset: nothing on it counts any more */
    PARTITION_USED,    /* no mark, and an ext4 file system */
    PARTITION_DAMAGED, /* neither */
};

/*
 * Say what lies on the partition `fd` and how many blocks of PARTITION_BLOCK a file system may
 * have. fd: readable. 0, or -errno (-ENOSPC: smaller than any state partition) with outputs
 * untouched.
 */
int partition_look(int fd, enum partition_kind *kind, uint64_t *blocks);

/* Take the mark away, for good: it is on the disk when this returns 0. fd: writable. -errno. */
int partition_begin(int fd);

/* Mark it for a factory reset. The file system on it may be mounted. 0 or -errno, as above. */
int partition_condemn(int fd);

/*
 * Overwrite all of an OLD partition with zeros; when that is on the disk, mark it as new. A power
 * cut in between leaves it OLD. fd: writable. 0 or -errno.
 */
int partition_empty(int fd);

#endif
