/* install: is an update in the other slot whole or not at all, and never an older one? */
#include "appliance-image/src/install.h"

#include <errno.h>

#include "tests/unit/update_make.h"

struct world {
    struct disk disk;
    struct slots slots;
    struct update *update;
    struct install *install;
    struct err e;
};

static void open_world(struct world *w, uint64_t version)
{
    disk_make(&w->disk);
    EXPECT(!slots_open(&w->slots, w->disk.path, w->disk.esp, w->disk.uuid, &w->e));
    w->update = update_make(version);
    w->install = install_new(&w->slots, UPDATE_OLD, w->update->key);
}

static void close_world(struct world *w)
{
    install_free(w->install);
    slots_close(&w->slots);
    update_free(w->update);
    disk_remove(&w->disk);
}

static int feed(struct world *w, size_t n)
{
    int rc = 0;

    for (size_t at = 0; !rc && at < n; at += 1000)
        rc = install_feed(w->install, w->update->bytes + at, n - at < 1000 ? n - at : 1000, &w->e);
    return rc;
}

static bool is_empty(struct world *w)
{
    EXPECT(!slots_look(&w->slots, &w->e));
    return !slots_other(&w->slots)->whole && slots_other(&w->slots)->entry.state == ENTRY_NONE &&
           slots_running(&w->slots)->entry.state == ENTRY_GOOD;
}

TEST("a whole update is in the other slot, byte for byte, and waits to be chosen")
{
    static uint8_t root[UPDATE_ROOT], tree[UPDATE_TREE];
    const uint8_t *parts;
    struct world w;
    uint64_t version = 0;

    open_world(&w, UPDATE_NEW);
    EXPECT(!feed(&w, UPDATE_SIZE) && !install_end(w.install, &version, &w.e));
    EXPECT(version == UPDATE_NEW);
    EXPECT(disk_has(&w.disk, UPDATE_NEW, ENTRY_STORED, 0, 0));
    EXPECT(!disk_has(&w.disk, UPDATE_NEW, ENTRY_PART, 0, 0));
    parts = w.update->bytes + BUNDLE_HEAD_BYTES;
    EXPECT(pread(slots_other(&w.slots)->root, root, sizeof root, 0) == sizeof root);
    EXPECT(pread(slots_other(&w.slots)->tree, tree, sizeof tree, 0) == sizeof tree);
    EXPECT(!memcmp(root, parts, sizeof root) && !memcmp(tree, parts + sizeof root, sizeof tree));
    install_free(w.install);
    w.install = NULL;
    EXPECT(!slots_activate(&w.slots, UPDATE_NEW, &w.e));
    close_world(&w);
}

TEST("until the last step nothing is there to be chosen, wherever the power goes")
{
    const size_t cuts[] = {BUNDLE_HEAD_BYTES, BUNDLE_HEAD_BYTES + 3000,
                           BUNDLE_HEAD_BYTES + UPDATE_ROOT + 5000, UPDATE_SIZE - 1, UPDATE_SIZE};

    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct slots after;
        struct world w;

        open_world(&w, UPDATE_NEW);
        EXPECT(!feed(&w, cuts[i]));
        /* the next start sees the disk as it is now */
        EXPECT(!slots_open(&after, w.disk.path, w.disk.esp, w.disk.uuid, &w.e));
        EXPECT(!slots_other(&after)->whole);
        EXPECT(slots_activate(&after, UPDATE_NEW, &w.e) == -ENOENT);
        EXPECT(slots_running(&after)->entry.state == ENTRY_GOOD);
        slots_close(&after);
        close_world(&w);
    }
}

TEST("one that was broken off leaves the slot empty, and the next goes in")
{
    struct world w;
    uint64_t version;

    open_world(&w, UPDATE_NEW);
    EXPECT(!feed(&w, UPDATE_SIZE - 1));
    EXPECT(install_end(w.install, &version, &w.e) == -EPROTO);
    install_free(w.install);
    EXPECT(is_empty(&w) && !disk_has(&w.disk, UPDATE_NEW, ENTRY_PART, 0, 0));
    w.install = install_new(&w.slots, UPDATE_OLD, w.update->key);
    EXPECT(!feed(&w, UPDATE_SIZE) && !install_end(w.install, &version, &w.e));
    close_world(&w);
}

TEST("a .part file that a power cut has left is no hindrance")
{
    struct world w;
    uint64_t version;

    open_world(&w, UPDATE_NEW);
    disk_entry(&w.disk, UPDATE_NEW, ENTRY_PART);
    EXPECT(!feed(&w, UPDATE_SIZE) && !install_end(w.install, &version, &w.e));
    EXPECT(disk_has(&w.disk, UPDATE_NEW, ENTRY_STORED, 0, 0));
    close_world(&w);
}

TEST("an older version and the same one again are refused, and the other slot keeps what it has")
{
    const uint64_t versions[] = {UPDATE_OLD, UPDATE_OLD - 1000000};

    for (size_t i = 0; i < 2; i++) {
        uint8_t tree[UPDATE_TREE];
        struct world w;

        open_world(&w, versions[i]);
        update_tree(UPDATE_NEW, tree);
        disk_file(&w.disk, "penstock-tree-b", tree, sizeof tree, UPDATE_TREE);
        disk_entry(&w.disk, UPDATE_NEW, ENTRY_GOOD);
        EXPECT(!slots_look(&w.slots, &w.e));
        EXPECT(feed(&w, UPDATE_SIZE) == -EPERM && strstr(w.e.fix, "activate"));
        install_free(w.install);
        w.install = NULL;
        EXPECT(!slots_look(&w.slots, &w.e));
        EXPECT(slots_other(&w.slots)->entry.state == ENTRY_GOOD);
        close_world(&w);
    }
}

TEST("the root that runs is refused under a newer version too: a kernel could not tell the slots "
     "apart")
{
    struct world w;

    open_world(&w, UPDATE_NEW);
    memcpy(slots_running(&w.slots)->uuid, w.update->bytes + 26, ENTRY_UUID);
    EXPECT(feed(&w, UPDATE_SIZE) == -EPERM);
    EXPECT(is_empty(&w));
    close_world(&w);
}

TEST("another key's update changes nothing")
{
    struct world w;

    open_world(&w, UPDATE_NEW);
    w.update->bytes[BUNDLE_SIGNED_BYTES] ^= 1;
    EXPECT(feed(&w, UPDATE_SIZE) == -EKEYREJECTED);
    EXPECT(is_empty(&w));
    close_world(&w);
}

TEST("a damaged part leaves the slot empty")
{
    const size_t at[] = {BUNDLE_HEAD_BYTES, BUNDLE_HEAD_BYTES + UPDATE_ROOT, UPDATE_SIZE - 1};

    for (size_t i = 0; i < 3; i++) {
        uint64_t version;
        struct world w;

        open_world(&w, UPDATE_NEW);
        w.update->bytes[at[i]] ^= 1;
        EXPECT(feed(&w, UPDATE_SIZE) == -EBADMSG);
        EXPECT(install_end(w.install, &version, &w.e) == -EBADMSG);
        install_free(w.install);
        w.install = NULL;
        EXPECT(is_empty(&w) && !disk_has(&w.disk, UPDATE_NEW, ENTRY_PART, 0, 0));
        close_world(&w);
    }
}

TEST("a tree that is not the signed root's leaves the slot empty")
{
    uint64_t version;
    struct world w;

    open_world(&w, UPDATE_NEW);
    w.update->bytes[BUNDLE_HEAD_BYTES + UPDATE_ROOT + 16] ^= 1;
    update_head(w.update, UPDATE_NEW);
    EXPECT(!feed(&w, UPDATE_SIZE) && install_end(w.install, &version, &w.e) == -EBADMSG);
    install_free(w.install);
    w.install = NULL;
    EXPECT(is_empty(&w));
    close_world(&w);
}

TEST("what does not fit, and what comes while the running version is on trial, is refused")
{
    char path[256];
    struct world w;

    open_world(&w, UPDATE_NEW);
    snprintf(path, sizeof path, "%s/penstock-root-b", w.disk.path);
    EXPECT(!truncate(path, UPDATE_ROOT - 1));
    EXPECT(feed(&w, UPDATE_SIZE) == -EFBIG && is_empty(&w));
    close_world(&w);
    open_world(&w, UPDATE_NEW);
    slots_running(&w.slots)->entry.state = ENTRY_TRIAL;
    EXPECT(feed(&w, UPDATE_SIZE) == -EBUSY && is_empty(&w));
    close_world(&w);
}

int main(void)
{
    return test_run();
}
