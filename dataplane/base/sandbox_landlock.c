#include "dataplane/base/sandbox_parts.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/base/check.h"

/* The kernel's struct landlock_ruleset_attr of ABI 6; older headers know only its beginning. */
struct ruleset {
    uint64_t handled_fs, handled_net, scoped;
};

#define FS_RIGHTS(n) ((UINT64_C(1) << (n)) - 1)
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

int sandbox_landlock(struct err *e)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    size_t row;
    long fd, rc;

    if (abi < 1 && (errno == ENOSYS || errno == EOPNOTSUPP))
        return 0;
    if (abi < 1)
        return failed(e, "landlock_create_ruleset");
    row = (size_t)abi < ARRAY_LEN(by_abi) ? (size_t)abi - 1 : ARRAY_LEN(by_abi) - 1;
    fd = syscall(SYS_landlock_create_ruleset, &by_abi[row].rules, by_abi[row].size, 0);
    if (fd < 0)
        return failed(e, "landlock_create_ruleset");
    /* A rule set that handles every right and grants none. */
    rc = syscall(SYS_landlock_restrict_self, (int)fd, 0);
    if (rc < 0)
        rc = failed(e, "landlock_restrict_self");
    close((int)fd);
    return (int)rc;
}
