/*
 * slots: the two places for a version of the system, which of them runs, and which starts next.
 *
 * Why: whatever happens between two steps, the disk has a version that starts. A version's root and
 * hash tree lie in a pair of partitions; its kernel image is a file on the EFI partition, whose
 * name (entry.h) says how it stands. The tree's superblock bears the UUID that the file's name
 * bears too, and which is the first half of the root's hash, so that nobody has to remember which
 * belongs to which. Owner: the caller; descriptors are kept open. Never: touches the
 * running version's partitions, or takes away its entry.
 */
#ifndef PENSTOCK_IMAGE_SLOTS_H
#define PENSTOCK_IMAGE_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "appliance-image/src/entry.h"
#include "dataplane/base/err.h"

#define SLOTS        2 /* a, b */
#define SLOTS_ENTRY  "EFI/Linux"
#define SLOTS_FOLDER "/dev/disk/by-partlabel"

struct slot {
    int root, tree; /* partitions */
    bool whole;     /* the tree has a superblock */
    uint8_t uuid[ENTRY_UUID];
    struct entry entry; /* NONE: no kernel image belongs to it */
};

struct slots {
    int entries; /* directory of the kernel images */
    struct slot slot[SLOTS];
    unsigned running;
};

/*
 * Open everything. folder: of partitions named penstock-root-a ...; esp: where the EFI partition is
 * mounted; uuid: of the tree that runs. 0, or -errno with *e: nothing is open then.
 */
int slots_open(struct slots *s, const char *folder, const char *esp, const uint8_t uuid[ENTRY_UUID],
               struct err *e);
void slots_close(struct slots *s);

/* Look again at what the entries' names are by now: the boot loader, or we, changed them. */
int slots_look(struct slots *s, struct err *e);

struct slot *slots_running(struct slots *s);
struct slot *slots_other(struct slots *s);

/*
 * The running version has proved itself: no start is counted any more. 0: also when there is
 * nothing to do; -errno with *e.
 */
int slots_bless(struct slots *s, struct err *e);

/*
 * Start the version of the other slot next, on trial: if it does not become healthy, this one comes
 * back. 0; -ENOENT (no such version is installed), -EBUSY (the running one is on trial itself), or
 * -errno, with *e.
 */
int slots_activate(struct slots *s, uint64_t version, struct err *e);

/* The running version is to start next after all: undoes slots_activate(). 0 or -errno with *e. */
int slots_stay(struct slots *s, struct err *e);

/* Forget the other slot's version, its entry first. 0 or -errno with *e. */
int slots_clear_other(struct slots *s, struct err *e);

/* Change the state of an entry, on the disk when this returns 0; else -errno with *e. */
int slots_rename(struct slots *s, struct entry *entry, const struct entry *to, struct err *e);

#endif
