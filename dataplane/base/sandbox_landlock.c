#include "dataplane/base/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/base/check.h"

/* The kernel's struct landlock_ruleset_attr of ABI 6; older headers know only its beginning. */
struct ruleset {
    uint64_t handled_fs, handled_net, scoped;
};

#define READING                                                                                    \
    ((uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |                        \
                LANDLOCK_ACCESS_FS_READ_DIR))
#define FS_RIGHTS(n) ((UINT64_C(1) << (n)) - 1)
#define FS_TRUNCATE  (UINT64_C(1) << 14) /* of ABI 3 and 5; older headers lack them */
#define FS_IOCTL     (UINT64_C(1) << 15)
#define SCOPE_ALL    UINT64_C(3) /* abstract unix sockets, signals */

/* What each version of the interface can forbid; newer ones can do all that the last row can. */
static const struct {
    struct ruleset rules;
    size_t size;
} by_abi[] = {
    {{FS_RIGHTS(13), 0, 0}, 8},          /* 1: all but the following */
    {{FS_RIGHTS(14), 0, 0}, 8},          /* 2: link and rename across directories */
    {{FS_RIGHTS(15), 0, 0}, 8},          /* 3: truncate */
    {{FS_RIGHTS(15), 0, 0}, 8},          /* 4: TCP by port, of no use here */
    {{FS_RIGHTS(16), 0, 0}, 8},          /* 5: ioctl on devices */
    {{FS_RIGHTS(16), 0, SCOPE_ALL}, 24}, /* 6: scopes */
};

static int failed(struct err *e, const char *step)
{
    int rc = -errno;

    return err_set(e, rc, "sandbox", "a kernel whose Landlock is whole, or switched off", "%s: %s",
                   step, strerror(-rc));
}

/* The row of this kernel, or NULL: it has no Landlock (0) or a broken one (-errno). */
static const struct ruleset *rules_here(size_t *size, int *rc, struct err *e)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    size_t row;

    *rc = 0;
    if (abi < 1 && errno != ENOSYS && errno != EOPNOTSUPP)
        *rc = failed(e, "landlock_create_ruleset");
    if (abi < 1)
        return NULL;
    row = (size_t)abi < ARRAY_LEN(by_abi) ? (size_t)abi - 1 : ARRAY_LEN(by_abi) - 1;
    *size = by_abi[row].size;
    return &by_abi[row].rules;
}

/* Everything the rules handle is forbidden, but for what was granted. */
static int restrict_self(long fd, struct err *e)
{
    int rc = syscall(SYS_landlock_restrict_self, (int)fd, 0) < 0
                 ? failed(e, "landlock_restrict_self")
                 : 0;

    close((int)fd);
    return rc;
}

/* What a rule about a file, and no directory, may speak of. */
#define OF_FILES                                                                                   \
    ((uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |                        \
                LANDLOCK_ACCESS_FS_WRITE_FILE) |                                                   \
     FS_TRUNCATE | FS_IOCTL)

static int allow(long fd, const struct ruleset *rules, const struct sandbox_place *place,
                 struct err *e)
{
    struct landlock_path_beneath_attr below = {.parent_fd = open(place->path, O_PATH | O_CLOEXEC)};
    struct stat st;
    int rc = 0;

    if (below.parent_fd < 0)
        return 0;
    below.allowed_access = place->write ? rules->handled_fs : READING;
    if (fstat(below.parent_fd, &st) || !S_ISDIR(st.st_mode))
        below.allowed_access &= OF_FILES & rules->handled_fs;
    if (syscall(SYS_landlock_add_rule, (int)fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
        rc = failed(e, "landlock_add_rule");
    close(below.parent_fd);
    return rc;
}

int sandbox_landlock(const struct sandbox_place *places, size_t n, struct err *e)
{
    size_t size;
    int rc;
    const struct ruleset *rules = rules_here(&size, &rc, e);
    long fd;

    if (!rules)
        return rc;
    fd = syscall(SYS_landlock_create_ruleset, rules, size, 0);
    if (fd < 0)
        return failed(e, "landlock_create_ruleset");
    for (size_t i = 0; i < n && !rc; i++)
        rc = allow(fd, rules, &places[i], e);
    if (!rc)
        return restrict_self(fd, e);
    close((int)fd);
    return rc;
}

int sandbox_write_below(int dir_fd, struct err *e)
{
    struct landlock_path_beneath_attr below = {.parent_fd = dir_fd};
    struct ruleset writing;
    size_t size;
    int rc;
    const struct ruleset *rules = rules_here(&size, &rc, e);
    long fd;

    if (!rules)
        return rc;
    /* Reading stays: the resolver and libraries read files of the system. */
    writing = (struct ruleset){.handled_fs = rules->handled_fs & ~READING};
    below.allowed_access = writing.handled_fs;
    fd = syscall(SYS_landlock_create_ruleset, &writing, size, 0);
    if (fd < 0)
        return failed(e, "landlock_create_ruleset");
    if (syscall(SYS_landlock_add_rule, (int)fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0) {
        rc = failed(e, "landlock_add_rule");
        close((int)fd);
        return rc;
    }
    return restrict_self(fd, e);
}
