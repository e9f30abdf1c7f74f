/* slots: does every change leave a version that starts, and is the one that was meant chosen? */
#include <errno.h>

#include "tests/unit/update_make.h"

/* Slot a runs UPDATE_OLD in state `here`; b has UPDATE_NEW in state `other` (NONE: is empty). */
static void open_disk(struct disk *d, struct slots *s, enum entry_state here,
                      enum entry_state other)
{
    uint8_t tree[UPDATE_TREE];
    char command[256];
    struct err e;

    disk_make(d);
    snprintf(command, sizeof command, "rm %s/" SLOTS_ENTRY "/*", d->esp);
    EXPECT(!system(command));
    disk_entry(d, UPDATE_OLD, here);
    if (other != ENTRY_NONE) {
        update_tree(UPDATE_NEW, tree);
        disk_file(d, "penstock-tree-b", tree, sizeof tree, UPDATE_TREE);
        disk_entry(d, UPDATE_NEW, other);
    }
    EXPECT(!slots_open(s, d->path, d->esp, d->uuid, &e));
}

static void close_disk(struct disk *d, struct slots *s)
{
    slots_close(s);
    disk_remove(d);
}

TEST("a fresh disk runs its only version from slot a, and the other slot is empty")
{
    struct slots s;
    struct disk d;

    open_disk(&d, &s, ENTRY_GOOD, ENTRY_NONE);
    EXPECT(s.running == 0 && slots_running(&s)->entry.state == ENTRY_GOOD);
    EXPECT(slots_running(&s)->entry.version == UPDATE_OLD);
    EXPECT(!slots_other(&s)->whole && slots_other(&s)->entry.state == ENTRY_NONE);
    close_disk(&d, &s);
}

TEST("what runs is found in slot b as well")
{
    struct slots s;
    struct disk d;
    struct err e;

    open_disk(&d, &s, ENTRY_GOOD, ENTRY_GOOD);
    slots_close(&s);
    update_uuid(UPDATE_NEW, d.uuid);
    EXPECT(!slots_open(&s, d.path, d.esp, d.uuid, &e));
    EXPECT(s.running == 1 && slots_running(&s)->entry.version == UPDATE_NEW);
    close_disk(&d, &s);
}

TEST("what runs from neither slot, or from a disk without them, is refused with nothing open")
{
    struct slots s;
    struct disk d;
    struct err e;

    disk_make(&d);
    d.uuid[0] ^= 1;
    EXPECT(slots_open(&s, d.path, d.esp, d.uuid, &e) == -ENOENT && e.fix[0]);
    EXPECT(slots_open(&s, "/nowhere", d.esp, d.uuid, &e) == -ENOENT);
    EXPECT(slots_open(&s, d.path, "/nowhere", d.uuid, &e) == -ENOENT);
    disk_remove(&d);
}

TEST("a newer version is chosen by its own name alone, and the running one stays good")
{
    struct slots s;
    struct disk d;
    struct err e;

    open_disk(&d, &s, ENTRY_GOOD, ENTRY_STORED);
    EXPECT(!slots_activate(&s, UPDATE_NEW, &e));
    EXPECT(disk_has(&d, UPDATE_NEW, ENTRY_TRIAL, ENTRY_TRIES, 0));
    EXPECT(disk_has(&d, UPDATE_OLD, ENTRY_GOOD, 0, 0));
    EXPECT(!disk_has(&d, UPDATE_NEW, ENTRY_STORED, 0, 0));
    EXPECT(!slots_activate(&s, UPDATE_NEW, &e)); /* and again is no error */
    close_disk(&d, &s);
}

TEST("an older version is chosen by setting the running one aside, which can be undone")
{
    struct slots s;
    struct disk d;
    struct err e;

    open_disk(&d, &s, ENTRY_GOOD, ENTRY_GOOD);
    slots_close(&s);
    update_uuid(UPDATE_NEW, d.uuid);
    EXPECT(!slots_open(&s, d.path, d.esp, d.uuid, &e));
    EXPECT(!slots_activate(&s, UPDATE_OLD, &e));
    EXPECT(disk_has(&d, UPDATE_OLD, ENTRY_TRIAL, ENTRY_TRIES, 0));
    EXPECT(disk_has(&d, UPDATE_NEW, ENTRY_ASIDE, 0, 0));
    EXPECT(!slots_stay(&s, &e));
    EXPECT(disk_has(&d, UPDATE_OLD, ENTRY_STORED, 0, 0));
    EXPECT(disk_has(&d, UPDATE_NEW, ENTRY_GOOD, 0, 0));
    close_disk(&d, &s);
}

TEST("only what is installed can be chosen, and not while the running version is on trial")
{
    struct slots s;
    struct disk d;
    struct err e;

    open_disk(&d, &s, ENTRY_GOOD, ENTRY_STORED);
    EXPECT(slots_activate(&s, UPDATE_NEW + 1, &e) == -ENOENT);
    EXPECT(slots_activate(&s, UPDATE_OLD, &e) == -ENOENT);
    close_disk(&d, &s);
    open_disk(&d, &s, ENTRY_GOOD, ENTRY_NONE);
    EXPECT(slots_activate(&s, UPDATE_NEW, &e) == -ENOENT);
    close_disk(&d, &s);
    open_disk(&d, &s, ENTRY_GOOD, ENTRY_PART);
    EXPECT(slots_activate(&s, UPDATE_NEW, &e) == -ENOENT);
    close_disk(&d, &s);
    open_disk(&d, &s, ENTRY_TRIAL, ENTRY_STORED);
    EXPECT(slots_activate(&s, UPDATE_NEW, &e) == -EBUSY && e.fix[0]);
    EXPECT(disk_has(&d, UPDATE_NEW, ENTRY_STORED, 0, 0));
    close_disk(&d, &s);
}

TEST("a version on trial that has proved itself is good, also on its last start")
{
    static const enum entry_state states[] = {ENTRY_TRIAL, ENTRY_FAILED, ENTRY_ASIDE, ENTRY_GOOD};
    struct slots s;
    struct disk d;
    struct err e;

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        open_disk(&d, &s, states[i], ENTRY_NONE);
        EXPECT(slots_running(&s)->entry.state == states[i]);
        EXPECT(!slots_bless(&s, &e) && !slots_look(&s, &e));
        EXPECT(slots_running(&s)->entry.state == ENTRY_GOOD);
        EXPECT(disk_has(&d, UPDATE_OLD, ENTRY_GOOD, 0, 0));
        close_disk(&d, &s);
    }
}

TEST(
    "clearing the other slot takes every name of it and the tree's superblock, and nothing of ours")
{
    struct slots s;
    struct disk d;
    struct err e;

    open_disk(&d, &s, ENTRY_GOOD, ENTRY_STORED);
    disk_entry(&d, UPDATE_NEW, ENTRY_PART);
    disk_entry(&d, UPDATE_NEW + 2000000, ENTRY_FAILED); /* of a version that is nowhere any more */
    disk_file(&d, "esp/" SLOTS_ENTRY "/other.efi", "x", 1, 1);
    EXPECT(!slots_clear_other(&s, &e) && !slots_look(&s, &e));
    EXPECT(!disk_has(&d, UPDATE_NEW, ENTRY_STORED, 0, 0));
    EXPECT(!disk_has(&d, UPDATE_NEW, ENTRY_PART, 0, 0));
    EXPECT(!disk_has(&d, UPDATE_NEW + 2000000, ENTRY_FAILED, 0, 1));
    EXPECT(disk_has(&d, UPDATE_OLD, ENTRY_GOOD, 0, 0));
    EXPECT(!slots_other(&s)->whole && slots_running(&s)->whole);
    EXPECT(!faccessat(s.entries, "other.efi", F_OK, 0));
    close_disk(&d, &s);
}

int main(void)
{
    return test_run();
}
