/*
 * install: an update, as it comes, into the slot that does not run.
 *
 * Why: the order of the steps is what a power cut is survived by:
 *   I1 the other slot's entry goes     I2 its tree loses its superblock
 *   I3 root and tree are written, all but the tree's first block; the kernel image to a .part file
 *   I4 all hashes hold and all is on the disk: the tree's first block is written
 *   I5 the .part file is renamed to .stored
 * Before I5 there is nothing to choose, and nothing but slots_activate() makes a loader look at it.
 * Owner: the caller's slots, which it must not use otherwise until the end. Never: writes
 * a byte before the signature holds; an older version, or the same again.
 */
#ifndef PENSTOCK_IMAGE_INSTALL_H
#define PENSTOCK_IMAGE_INSTALL_H

#include "appliance-image/src/bundle.h"
#include "appliance-image/src/slots.h"

/* Bytes of a kernel image: two of them and the loader fit on the EFI partition. */
#define INSTALL_KERNEL_MAX (40u << 20)

struct install;

/*
 * Begin. slots: as slots_look() left them, the caller's and open until install_free(); running: the
 * version that runs; key: BUNDLE_KEY bytes. NULL: out of memory.
 */
struct install *install_new(struct slots *slots, uint64_t running, const uint8_t key[BUNDLE_KEY]);

/*
 * The next n bytes of the file. 0 or -errno with *e, for good: what bundle_feed() says, -EPERM (not
 * newer), -EFBIG (no room in a partition), -EBUSY (the running version has not proved itself).
 */
int install_feed(struct install *i, const uint8_t *data, size_t n, struct err *e);

/* The file has ended: I4, I5. 0 and its version; or -errno with *e, and the other slot is empty. */
int install_end(struct install *i, uint64_t *version, struct err *e);

/* Let go, of an unfinished one too: what it wrote is no version. NULL is harmless. */
void install_free(struct install *i);

#endif
