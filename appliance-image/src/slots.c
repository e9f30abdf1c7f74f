#include "appliance-image/src/slots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"

#define SUPERBLOCK 512 /* bytes of dm-verity's superblock */
#define MAGIC      "verity\0\0"
#define MAGIC_LEN  8
#define UUID_AT    16
#define NAMES_MAX  64 /* names in the folder that are looked at */

#define WHERE    "update"
#define FIX_DISK "look at the disk; the running version goes on"

/* ---- looking ---- */

/* The tree's UUID; a partition without a superblock has none. */
static int look_tree(struct slot *s, struct err *e)
{
    uint8_t block[SUPERBLOCK];
    ssize_t n = pread(s->tree, block, sizeof block, 0);

    if (n != (ssize_t)sizeof block)
        return err_set(e, n < 0 ? -errno : -EIO, WHERE, FIX_DISK, "a partition can not be read");
    s->whole = !memcmp(block, MAGIC, MAGIC_LEN);
    memset(s->uuid, 0, sizeof s->uuid);
    if (s->whole)
        memcpy(s->uuid, block + UUID_AT, ENTRY_UUID);
    return 0;
}

/* Several names of one version may be there after a power cut: the one that says most counts. */
static void note_entry(struct slots *s, const struct entry *found)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        struct slot *slot = &s->slot[i];

        if (slot->whole && !memcmp(slot->uuid, found->uuid, ENTRY_UUID) &&
            found->state > slot->entry.state)
            slot->entry = *found;
    }
}

/* Every name of ours in the folder, to a function. 0, what it returns, or -errno with *e. */
static int each_entry(struct slots *s, int (*f)(struct slots *s, const struct entry *found),
                      struct err *e)
{
    int fd = openat(s->entries, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *d;

    if (!dir) {
        rc = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, rc, WHERE, FIX_DISK, "the EFI partition can not be read");
    }
    for (unsigned i = 0; !rc && i < NAMES_MAX && (d = readdir(dir)); i++) {
        struct entry found;

        if (!entry_parse(d->d_name, &found))
            rc = f(s, &found);
    }
    closedir(dir);
    return rc ? err_set(e, rc, WHERE, FIX_DISK, "the EFI partition can not be written") : 0;
}

static int note(struct slots *s, const struct entry *found)
{
    note_entry(s, found);
    return 0;
}

int slots_look(struct slots *s, struct err *e)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        int rc = look_tree(&s->slot[i], e);

        if (rc)
            return rc;
        s->slot[i].entry = (struct entry){.state = ENTRY_NONE};
    }
    return each_entry(s, note, e);
}

/* ---- opening ---- */

static int open_partition(const char *folder, const char *what, unsigned i, int *fd, struct err *e)
{
    char path[256];

    snprintf(path, sizeof path, "%s/penstock-%s-%c", folder, what, "ab"[i]);
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd >= 0)
        return 0;
    return err_set(e, -errno, WHERE, "start from a disk made of the appliance's image",
                   "%s can not be opened (%s)", path, strerror(errno));
}

static int open_all(struct slots *s, const char *folder, const char *esp, struct err *e)
{
    char path[256];
    int rc = 0;

    for (unsigned i = 0; !rc && i < SLOTS; i++) {
        rc = open_partition(folder, "root", i, &s->slot[i].root, e);
        if (!rc)
            rc = open_partition(folder, "tree", i, &s->slot[i].tree, e);
    }
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/" SLOTS_ENTRY, esp);
    s->entries = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->entries < 0)
        return err_set(e, -errno, WHERE, "start from a disk made of the appliance's image",
                       "%s can not be opened (%s)", path, strerror(errno));
    return slots_look(s, e);
}

static int find_running(struct slots *s, const uint8_t uuid[ENTRY_UUID], struct err *e)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (!s->slot[i].whole || memcmp(s->slot[i].uuid, uuid, ENTRY_UUID) != 0)
            continue;
        s->running = i;
        return 0;
    }
    return err_set(e, -ENOENT, WHERE, FIX_DISK, "what runs is on neither of the two slots");
}

int slots_open(struct slots *s, const char *folder, const char *esp, const uint8_t uuid[ENTRY_UUID],
               struct err *e)
{
    struct slots got = {.entries = -1};
    int rc;

    for (unsigned i = 0; i < SLOTS; i++)
        got.slot[i].root = got.slot[i].tree = -1;
    rc = open_all(&got, folder, esp, e);
    if (!rc)
        rc = find_running(&got, uuid, e);
    if (rc)
        slots_close(&got);
    else
        *s = got;
    return rc;
}

void slots_close(struct slots *s)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (s->slot[i].root >= 0)
            close(s->slot[i].root);
        if (s->slot[i].tree >= 0)
            close(s->slot[i].tree);
        s->slot[i].root = s->slot[i].tree = -1;
    }
    if (s->entries >= 0)
        close(s->entries);
    s->entries = -1;
}

struct slot *slots_running(struct slots *s)
{
    return &s->slot[s->running];
}

struct slot *slots_other(struct slots *s)
{
    return &s->slot[1 - s->running];
}

/* ---- changing ---- */

int slots_rename(struct slots *s, struct entry *entry, const struct entry *to, struct err *e)
{
    char from_name[ENTRY_NAME_MAX], to_name[ENTRY_NAME_MAX];

    entry_name(entry, from_name);
    entry_name(to, to_name);
    if (!strcmp(from_name, to_name))
        return 0;
    if (renameat(s->entries, from_name, s->entries, to_name) || syncfs(s->entries))
        return err_set(e, -errno, WHERE, FIX_DISK, "%s can not become %s (%s)", from_name, to_name,
                       strerror(errno));
    *entry = *to;
    return 0;
}

static int set_state(struct slots *s, struct entry *entry, enum entry_state state, struct err *e)
{
    struct entry to = *entry;

    to.state = state;
    to.left = state == ENTRY_TRIAL ? ENTRY_TRIES : 0;
    to.done = 0;
    return slots_rename(s, entry, &to, e);
}

int slots_bless(struct slots *s, struct err *e)
{
    struct entry *entry = &slots_running(s)->entry;

    if (entry->state != ENTRY_TRIAL && entry->state != ENTRY_FAILED && entry->state != ENTRY_ASIDE)
        return 0;
    return set_state(s, entry, ENTRY_GOOD, e);
}

/* May the other one be chosen? The running one has to be there to come back to. */
static int may_choose(struct slots *s, uint64_t version, struct err *e)
{
    const struct entry *here = &slots_running(s)->entry, *other = &slots_other(s)->entry;

    if (other->state <= ENTRY_PART || other->version != version)
        return err_set(e, -ENOENT, "/version", "give a version that is installed in the other slot",
                       "is not installed");
    if (here->state != ENTRY_GOOD)
        return err_set(e, -EBUSY, "/version", "wait until it has proved itself, or start again",
                       "the running version is on trial");
    return 0;
}

int slots_activate(struct slots *s, uint64_t version, struct err *e)
{
    struct entry *here = &slots_running(s)->entry, *other = &slots_other(s)->entry;
    int rc = may_choose(s, version, e);

    if (rc)
        return rc;
    /* A power cut after this line leaves the newer of two: one of them starts in any case. */
    rc = set_state(s, other, ENTRY_TRIAL, e);
    if (!rc && here->version > other->version)
        rc = set_state(s, here, ENTRY_ASIDE, e);
    return rc;
}

int slots_stay(struct slots *s, struct err *e)
{
    struct entry *here = &slots_running(s)->entry, *other = &slots_other(s)->entry;
    int rc = 0;

    if (here->state == ENTRY_ASIDE)
        rc = set_state(s, here, ENTRY_GOOD, e);
    if (!rc && other->state == ENTRY_TRIAL)
        rc = set_state(s, other, ENTRY_STORED, e);
    return rc;
}

static int remove_if_other(struct slots *s, const struct entry *found)
{
    char name[ENTRY_NAME_MAX];

    if (!memcmp(found->uuid, slots_running(s)->uuid, ENTRY_UUID))
        return 0;
    entry_name(found, name);
    return unlinkat(s->entries, name, 0) ? -errno : 0;
}

int slots_clear_other(struct slots *s, struct err *e)
{
    static const uint8_t nothing[SUPERBLOCK];
    struct slot *other = slots_other(s);
    int rc = each_entry(s, remove_if_other, e);

    if (rc)
        return rc;
    if (syncfs(s->entries))
        return err_set(e, -errno, WHERE, FIX_DISK, "the EFI partition can not be written");
    other->entry = (struct entry){.state = ENTRY_NONE};
    if (pwrite(other->tree, nothing, sizeof nothing, 0) != (ssize_t)sizeof nothing ||
        fsync(other->tree))
        return err_set(e, -EIO, WHERE, FIX_DISK, "the other slot can not be written");
    other->whole = false;
    return 0;
}
