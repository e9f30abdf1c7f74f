/* sandbox: which user and which capabilities are left? */
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tests/unit/sandbox_run.h"

static const char none[] = "0000000000000000"; /* an empty set in /proc */

static const enum sandbox_profile all[] = {SANDBOX_HANDSHAKE, SANDBOX_KEYRING, SANDBOX_DATAPLANE,
                                           SANDBOX_MGMT};

/* Read /proc/PID/status of a child that sits in its sandbox until it is killed. */
static void read_status(enum sandbox_profile profile, void (*prepare)(void), char *text, size_t cap)
{
    int ready[2];
    char path[64];
    FILE *f = NULL;
    pid_t pid;

    text[0] = '\0';
    if (pipe(ready) < 0)
        return;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        alarm(20);
        if (prepare)
            prepare();
        if (sandbox_enter(profile, NULL) == 0 && write(ready[1], "r", 1) == 1)
            poll(NULL, 0, -1);
        _exit(1);
    }
    close(ready[1]);
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (read(ready[0], text, 1) == 1)
        f = fopen(path, "r");
    text[0] = '\0';
    if (f) {
        text[fread(text, 1, cap - 1, f)] = '\0';
        fclose(f);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ready[0]);
}

/* True if the line of `key` holds exactly `value`. */
static bool status_is(const char *text, const char *key, const char *value)
{
    char want[128];
    size_t n = (size_t)snprintf(want, sizeof(want), "\n%s:\t%s", key, value);
    const char *at = strstr(text, want);

    if (at && (at[n] == '\n' || at[n] == ' '))
        return true;
    printf("    %s is not \"%s\"\n", key, value);
    return false;
}

TEST("capabilities are empty in every set, privileges final, and the filter is on")
{
    char text[8192];

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        read_status(all[i], NULL, text, sizeof(text));
        EXPECT(status_is(text, "CapInh", none) && status_is(text, "CapPrm", none));
        EXPECT(status_is(text, "CapEff", none) && status_is(text, "CapAmb", none));
        EXPECT(geteuid() != 0 || status_is(text, "CapBnd", none));
        EXPECT(status_is(text, "NoNewPrivs", "1") && status_is(text, "Seccomp", "2"));
    }
}

/* Another user that holds every capability, also for what it would run, as a service manager can.
 */
static void take_caps_along(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2];

    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setresgid(65534, 65534, 65534) < 0 ||
        setresuid(65534, 65534, 65534) < 0 || syscall(SYS_capget, &head, caps) < 0)
        _exit(1);
    for (int i = 0; i < 2; i++)
        caps[i].effective = caps[i].inheritable = caps[i].permitted;
    if (syscall(SYS_capset, &head, caps) < 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) < 0)
        _exit(1);
}

TEST("capabilities given to a user that is not root are dropped as well")
{
    char text[8192];

    if (geteuid() != 0) {
        printf("    skipped: not started as root\n");
        return;
    }
    read_status(SANDBOX_KEYRING, take_caps_along, text, sizeof(text));
    EXPECT(status_is(text, "CapInh", none) && status_is(text, "CapPrm", none));
    EXPECT(status_is(text, "CapEff", none) && status_is(text, "CapAmb", none));
}

TEST("a process that began as root is none of root's afterwards, in users and groups")
{
    char text[8192];

    if (geteuid() != 0) {
        printf("    skipped: not started as root\n");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        read_status(all[i], NULL, text, sizeof(text));
        EXPECT(text[0] != '\0');
        EXPECT(!strstr(text, "\nUid:\t0") && !strstr(text, "\nGid:\t0"));
        EXPECT(status_is(text, "Groups", " ") || status_is(text, "Groups", ""));
    }
}

/* In a child with a mount namespace of its own, where /etc/passwd has only this line. */
static int enter_with_passwd(const char *line, struct err *e, uid_t *uid, gid_t *gid)
{
    char path[] = "/tmp/sandbox_passwd.XXXXXX";
    int fd = mkstemp(path), rc;

    if (fd < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -1000;
    if (write(fd, line, strlen(line)) < 0 || fchmod(fd, 0644) < 0 ||
        mount(path, "/etc/passwd", NULL, MS_BIND, NULL) < 0)
        return -1000;
    unlink(path);
    rc = sandbox_enter(SANDBOX_MGMT, e);
    *uid = getuid();
    *gid = getgid();
    return rc;
}

/* Exit status of a child that enters with this passwd line: 0 if rc, uid and gid are as wanted. */
static int enters_as(const char *line, int want_rc, uid_t want_uid, gid_t want_gid)
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct err e;
        uid_t uid = 0;
        gid_t gid = 0;
        int rc = enter_with_passwd(line, &e, &uid, &gid);

        if (rc == -1000)
            _exit(77);
        _exit(rc == want_rc && uid == want_uid && gid == want_gid ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    return status;
}

TEST("root becomes user penstock where there is one, else nobody, and never root again")
{
    int status = geteuid() ? 77 << 8
                           : enters_as("penstock:x:4242:4343::/:/bin/false\n", 0, 4242, 4343);

    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("    skipped: not root, or no mount namespace to be had\n");
        return;
    }
    EXPECT(status == 0);
    EXPECT(enters_as("root:x:0:0::/:/bin/sh\n", 0, 65534, 65534) == 0);
    EXPECT(enters_as("penstock:x:0:4343::/:/bin/false\n", -EINVAL, 0, 0) == 0);
    EXPECT(enters_as("penstock:x:4242:0::/:/bin/false\n", -EINVAL, 0, 0) == 0);
}

int main(void)
{
    return test_run();
}
