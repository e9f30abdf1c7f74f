#include "dataplane/base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dataplane/base/sandbox_calls.h"
#include "dataplane/base/sandbox_parts.h"

#define USER_NAME  "penstock"
#define USER_NONE  65534 /* nobody */
#define CAPS_WORDS 2     /* of the kernel's version 3 of capget(2) */

struct user {
    uid_t uid;
    gid_t gid;
};

static int failed(struct err *e, int rc, const char *fix, const char *step)
{
    return err_set(e, rc, "sandbox", fix, "%s: %s", step, strerror(-rc));
}

#define FIX_KERNEL "a kernel that lets a process give this up"
#define FIX_ROOT   "start as root with CAP_SETUID, CAP_SETGID and CAP_SETPCAP, or as another user"

/* No core file, no look into this process by others of its user. */
static int forbid_dumps(struct err *e)
{
    struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return failed(e, -errno, FIX_KERNEL, "RLIMIT_CORE");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return failed(e, -errno, FIX_KERNEL, "PR_SET_DUMPABLE");
    return 0;
}

/* Users, capabilities and Landlock bind a thread, not a process: others would stay outside. */
static int require_one_thread(struct err *e)
{
    struct stat st;

    if (stat("/proc/self/task", &st) < 0)
        return 0; /* no /proc: the caller's word must do */
    /* A directory has two links, and one more for each directory (here: each thread) in it. */
    if (st.st_nlink > 3 + sandbox_sanitizer_threads)
        return err_set(e, -EBUSY, "sandbox", "enter the sandbox before any thread is started",
                       "%lu threads are running", (unsigned long)st.st_nlink - 2);
    return 0;
}

static bool is_root(void)
{
    uid_t real, effective, saved;

    return getresuid(&real, &effective, &saved) < 0 || !real || !effective || !saved;
}

/* Leaves *u as it is where there is no such user. */
static int find_user(struct user *u, struct err *e)
{
    const struct passwd *pw = getpwnam(USER_NAME);

    if (!pw)
        return 0;
    if (!pw->pw_uid || !pw->pw_gid)
        return err_set(e, -EINVAL, "sandbox", "give user " USER_NAME " a uid and gid above 0",
                       "user " USER_NAME " has uid %u, gid %u", pw->pw_uid, pw->pw_gid);
    *u = (struct user){pw->pw_uid, pw->pw_gid};
    return 0;
}

/* Root's bounding set is emptied; another user's can only be inherited, never used. */
static int drop_bounding(bool root, struct err *e)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && (root || errno != EPERM))
            return failed(e, -errno, FIX_ROOT, "PR_CAPBSET_DROP");
    }
    return 0;
}

/* Groups of the user's own are kept only where they are what lets the process work at all. */
static int set_groups(const struct user *u, bool keep)
{
    bool known = keep && u->uid != USER_NONE;

    return known ? initgroups(USER_NAME, u->gid) : setgroups(0, NULL);
}

static int drop_user(const struct user *u, bool keep_groups, struct err *e)
{
    if (set_groups(u, keep_groups) < 0)
        return failed(e, -errno, FIX_ROOT, "setgroups");
    if (setresgid(u->gid, u->gid, u->gid) < 0)
        return failed(e, -errno, FIX_ROOT, "setresgid");
    if (setresuid(u->uid, u->uid, u->uid) < 0)
        return failed(e, -errno, FIX_ROOT, "setresuid");
    if (is_root() || setuid(0) == 0)
        return failed(e, -EPERM, FIX_ROOT, "still root after setresuid");
    return 0;
}

static int drop_caps(struct err *e)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[CAPS_WORDS] = {{0}};

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return failed(e, -errno, FIX_KERNEL, "PR_CAP_AMBIENT");
    if (syscall(SYS_capset, &head, caps) < 0)
        return failed(e, -errno, FIX_KERNEL, "capset");
    if (syscall(SYS_capget, &head, caps) < 0)
        return failed(e, -errno, FIX_KERNEL, "capget");
    for (int i = 0; i < CAPS_WORDS; i++) {
        if (caps[i].effective | caps[i].permitted | caps[i].inheritable)
            return failed(e, -EPERM, FIX_KERNEL, "capabilities are left");
    }
    return 0;
}

int sandbox_user(uid_t *uid, gid_t *gid, struct err *e)
{
    struct user user = {USER_NONE, USER_NONE};
    int rc = is_root() ? find_user(&user, e) : 0;

    if (rc)
        return rc;
    *uid = is_root() ? user.uid : getuid();
    *gid = is_root() ? user.gid : getgid();
    return 0;
}

static int drop_privilege(bool keep_groups, struct err *e)
{
    bool root = is_root();
    struct user user = {USER_NONE, USER_NONE};
    int rc = 0;

    if (root)
        rc = find_user(&user, e);
    if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        rc = failed(e, -errno, FIX_KERNEL, "PR_SET_NO_NEW_PRIVS");
    if (!rc)
        rc = drop_bounding(root, e);
    if (!rc && root)
        rc = drop_user(&user, keep_groups, e);
    if (!rc)
        rc = drop_caps(e);
    return rc;
}

/* A parent that died before the kernel was told would never be missed. */
static int die_with_parent(pid_t parent, struct err *e)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        return failed(e, -errno, FIX_KERNEL, "PR_SET_PDEATHSIG");
    if (getppid() != parent)
        return failed(e, -ESRCH, "none is needed: the launcher starts again", "launcher is gone");
    return 0;
}

static bool uses_files(enum sandbox_profile profile)
{
    return profile == SANDBOX_MGMT;
}

int sandbox_enter(enum sandbox_profile profile, struct err *e)
{
    return sandbox_enter_with(profile, NULL, 0, e);
}

int sandbox_enter_with(enum sandbox_profile profile, const struct sandbox_place *places, size_t n,
                       struct err *e)
{
    pid_t parent = getppid();
    int rc = forbid_dumps(e);

    if (rc || profile == SANDBOX_LAUNCHER)
        return rc;
    /* DPDK has started a thread of its own: the change of user and the filter reach that too. */
    rc = profile == SANDBOX_DPDK ? 0 : require_one_thread(e);
    if (!rc)
        rc = drop_privilege(profile == SANDBOX_TOKEN, e);
    /* A change of user undoes both of these, so they come after it. */
    if (!rc)
        rc = forbid_dumps(e);
    if (!rc)
        rc = die_with_parent(parent, e);
    if (!rc && !uses_files(profile))
        rc = sandbox_landlock(places, n, e);
    if (!rc)
        rc = sandbox_filter_load(profile, e);
    return rc;
}
