#include "appliance-image/src/install.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHERE    "update"
#define FIX_DISK "look at the disk; the running version goes on"

struct install {
    struct slots *slots;
    struct bundle_reader *reader;
    uint64_t running;
    struct entry entry;          /* of the .part file; NONE: not made yet */
    int kernel;                  /* that file */
    uint8_t first[BUNDLE_BLOCK]; /* block of the tree, held back until the end */
    size_t n_first;
};

/* ---- may it come? ---- */

static int check_version(const struct install *i, uint64_t version, struct err *e)
{
    if (version > i->running)
        return 0;
    return err_set(e, -EPERM, WHERE,
                   "give a newer one; to go back to the version before, activate it",
                   "version %" PRIu64 " is %s than the running %" PRIu64, version,
                   version == i->running ? "no other" : "older", i->running);
}

static int check_fits(int partition, uint64_t size, const char *name, struct err *e)
{
    off_t room = lseek(partition, 0, SEEK_END);

    if (room >= 0 && size <= (uint64_t)room)
        return 0;
    return err_set(e, -EFBIG, WHERE, "write this version's disk image to the disk",
                   "its %s has %" PRIu64 " bytes, the partition %jd", name, size, (intmax_t)room);
}

static int may_come(const struct install *i, const struct bundle_head *h, struct err *e)
{
    const struct slot *other = slots_other(i->slots);
    enum entry_state here = slots_running(i->slots)->entry.state;
    int rc = check_version(i, h->version, e);

    if (!rc && !memcmp(h->root_hash, slots_running(i->slots)->uuid, ENTRY_UUID))
        rc = err_set(e, -EPERM, WHERE, "give one that was built anew",
                     "its root is the one that runs");
    if (!rc && here != ENTRY_GOOD)
        rc = err_set(e, -EBUSY, WHERE, "wait until it has proved itself",
                     "the running version is on trial, or another is chosen for the next start");
    if (!rc)
        rc = check_fits(other->root, h->parts[BUNDLE_ROOT].size, "root", e);
    if (!rc)
        rc = check_fits(other->tree, h->parts[BUNDLE_TREE].size, "tree", e);
    if (!rc && h->parts[BUNDLE_KERNEL].size > INSTALL_KERNEL_MAX)
        rc = err_set(e, -EFBIG, WHERE, "write this version's disk image to the disk",
                     "its kernel has %" PRIu64 " bytes, the EFI partition room for %u",
                     h->parts[BUNDLE_KERNEL].size, INSTALL_KERNEL_MAX);
    return rc;
}

/* ---- writing ---- */

static int make_kernel_file(struct install *i, const struct bundle_head *h, struct err *e)
{
    struct entry entry = {.version = h->version, .state = ENTRY_PART};
    char name[ENTRY_NAME_MAX];

    memcpy(entry.uuid, h->root_hash, ENTRY_UUID);
    entry_name(&entry, name);
    i->kernel = openat(i->slots->entries, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (i->kernel < 0)
        return err_set(e, -errno, WHERE, FIX_DISK, "%s can not be made (%s)", name,
                       strerror(errno));
    i->entry = entry;
    return 0;
}

static int on_head(void *arg, const struct bundle_head *h, struct err *e)
{
    struct install *i = arg;
    int rc = may_come(i, h, e);

    if (!rc)
        rc = slots_clear_other(i->slots, e); /* I1, I2 */
    return rc ? rc : make_kernel_file(i, h, e);
}

static int write_all(int fd, uint64_t at, const uint8_t *data, size_t n, struct err *e)
{
    while (n) {
        ssize_t now = pwrite(fd, data, n, (off_t)at);

        if (now < 0 && errno == EINTR)
            continue;
        if (now <= 0)
            return err_set(e, now < 0 ? -errno : -EIO, WHERE, FIX_DISK,
                           "the other slot can not be written (%s)",
                           strerror(now < 0 ? errno : EIO));
        data += now;
        at += (uint64_t)now;
        n -= (size_t)now;
    }
    return 0;
}

/* The tree's first block stays here; the rest goes on. */
static int write_tree(struct install *i, uint64_t at, const uint8_t *data, size_t n, struct err *e)
{
    size_t keep = at < sizeof i->first ? sizeof i->first - (size_t)at : 0;

    keep = n < keep ? n : keep;
    if (keep)
        memcpy(i->first + at, data, keep);
    i->n_first += keep;
    return write_all(slots_other(i->slots)->tree, at + keep, data + keep, n - keep, e);
}

static int on_data(void *arg, enum bundle_part part, uint64_t at, const uint8_t *data, size_t n,
                   struct err *e)
{
    struct install *i = arg;

    if (part == BUNDLE_TREE)
        return write_tree(i, at, data, n, e);
    return write_all(part == BUNDLE_ROOT ? slots_other(i->slots)->root : i->kernel, at, data, n, e);
}

static const struct bundle_sink sink = {.head = on_head, .data = on_data};

/* ---- the whole ---- */

struct install *install_new(struct slots *slots, uint64_t running, const uint8_t key[BUNDLE_KEY])
{
    struct install *i = calloc(1, sizeof *i);

    if (!i)
        return NULL;
    i->slots = slots;
    i->running = running;
    i->kernel = -1;
    i->reader = bundle_new(key, &sink, i);
    if (i->reader)
        return i;
    install_free(i);
    return NULL;
}

int install_feed(struct install *i, const uint8_t *data, size_t n, struct err *e)
{
    return bundle_feed(i->reader, data, n, e);
}

/* I4: what the tree says is what the root's hash was made of, or the tree is nobody's. */
static int close_slot(struct install *i, struct err *e)
{
    struct slot *other = slots_other(i->slots);
    int rc = 0;

    if (fsync(other->root) || fsync(other->tree) || fsync(i->kernel))
        return err_set(e, -errno, WHERE, FIX_DISK, "the other slot can not be written (%s)",
                       strerror(errno));
    rc = write_all(other->tree, 0, i->first, i->n_first, e);
    if (!rc && fsync(other->tree))
        rc = err_set(e, -errno, WHERE, FIX_DISK, "the other slot can not be written (%s)",
                     strerror(errno));
    if (!rc)
        rc = slots_look(i->slots, e);
    if (!rc && (!other->whole || memcmp(other->uuid, i->entry.uuid, ENTRY_UUID) != 0))
        rc = err_set(e, -EBADMSG, WHERE, "make it with the image's own build",
                     "its tree does not belong to the root's hash");
    return rc;
}

int install_end(struct install *i, uint64_t *version, struct err *e)
{
    struct entry to = i->entry;
    int rc = bundle_end(i->reader, e);

    if (!rc)
        rc = close_slot(i, e);
    if (rc)
        return rc;
    to.state = ENTRY_STORED;
    rc = slots_rename(i->slots, &i->entry, &to, e); /* I5 */
    if (!rc)
        rc = slots_look(i->slots, e);
    if (!rc)
        *version = to.version;
    return rc;
}

void install_free(struct install *i)
{
    struct err ignored;

    if (!i)
        return;
    if (i->kernel >= 0)
        close(i->kernel);
    if (i->entry.state == ENTRY_PART) /* not finished */
        (void)slots_clear_other(i->slots, &ignored);
    bundle_free(i->reader);
    free(i);
}
