/* sandbox: what is left to a process that parses strangers' bytes or holds keys? */
#include "dataplane/base/sandbox.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/sandbox_run.h"

#define WAIT_MS 10000

static const enum sandbox_profile closed[] = {SANDBOX_HANDSHAKE, SANDBOX_KEYRING};

/*
 * Calls that a closed profile refuses. The arguments are such that the kernel itself would do them
 * or answer something other than EPERM, so that EPERM is the filter's word.
 */
static const struct {
    const char *name;
    long nr, arg[5];
} forbidden[] = {
    {"socket inet", SYS_socket, {AF_INET, SOCK_STREAM}},
    {"socket inet6", SYS_socket, {AF_INET6, SOCK_STREAM}},
    {"socket unix", SYS_socket, {AF_UNIX, SOCK_STREAM}},
    {"socket netlink", SYS_socket, {AF_NETLINK, SOCK_RAW}},
    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM}},
    {"connect", SYS_connect, {-1}},
    {"bind", SYS_bind, {-1}},
    {"listen", SYS_listen, {-1}},
    {"accept4", SYS_accept4, {-1}},
    {"openat", SYS_openat, {AT_FDCWD, (long)"/etc/passwd", O_RDONLY}},
    {"openat2", SYS_openat2, {AT_FDCWD, (long)"/etc/passwd"}},
    {"unlinkat", SYS_unlinkat, {AT_FDCWD, (long)"/nonexistent"}},
    {"mkdirat", SYS_mkdirat, {AT_FDCWD, (long)"/"}},
    {"newfstatat with a path", SYS_newfstatat, {AT_FDCWD, (long)"/etc/passwd"}},
    {"readlinkat", SYS_readlinkat, {AT_FDCWD, (long)"/proc/self/exe"}},
    {"chdir", SYS_chdir, {(long)"/"}},
    {"getdents64", SYS_getdents64, {-1}},
    {"execve", SYS_execve, {(long)"/nonexistent"}},
    {"execveat", SYS_execveat, {-1, (long)"", 0, 0, AT_EMPTY_PATH}},
    {"memfd_create", SYS_memfd_create, {(long)"x"}},
    {"ftruncate", SYS_ftruncate, {-1}},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}},
    {"process_vm_readv", SYS_process_vm_readv, {1 << 22}},
    {"process_vm_writev", SYS_process_vm_writev, {1 << 22}},
    {"kill", SYS_kill, {1 << 22}},
    {"tgkill of another", SYS_tgkill, {1 << 22, 1 << 22}},
    {"pidfd_open", SYS_pidfd_open, {1 << 22}},
    {"unshare", SYS_unshare, {1}},
    {"setns", SYS_setns, {-1}},
    {"personality", SYS_personality, {0xffffffff}},
    {"prctl", SYS_prctl, {PR_SET_DUMPABLE, 1}},
    {"setpriority", SYS_setpriority, {PRIO_PROCESS, 0, 19}},
    {"ioctl", SYS_ioctl, {-1}},
    {"fcntl F_SETOWN", SYS_fcntl, {-1, F_SETOWN}},
    {"dup3", SYS_dup3, {-1, 100}},
    {"inotify_init1", SYS_inotify_init1, {0}},
    {"userns clone", SYS_clone, {CLONE_NEWUSER | CLONE_THREAD}},
    {"mmap executable", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, -1}},
    {"mprotect executable", SYS_mprotect, {0, 0, PROT_EXEC}},
    {"pkey_mprotect", SYS_pkey_mprotect, {0, 0, PROT_READ, -1}},
    {"seccomp", SYS_seccomp, {-1}},
    {"quotactl", SYS_quotactl, {-1}},
};

enum { FORBIDDEN = ARRAY_LEN(forbidden) };

/* How many of the calls give EPERM; prints those that differ from what is wanted. */
static int count_refused(bool wanted)
{
    int n = 0;

    for (int i = 0; i < FORBIDDEN; i++) {
        const long *a = forbidden[i].arg;
        bool was = refused(syscall(forbidden[i].nr, a[0], a[1], a[2], a[3], a[4], 0));

        if (was != wanted)
            printf("    %s: %s\n", forbidden[i].name, was ? "refused" : "let through");
        n += was;
    }
    return n;
}

static int all_refused(void)
{
    WANT(count_refused(true) == FORBIDDEN);
    WANT(refused(open("/etc/passwd", O_RDONLY)));
    WANT(refused(fork()));
    WANT(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
    WANT(refused(syscall(SYS_io_uring_setup, 1, NULL)));
    return 0;
}

TEST("sockets, files, programs, processes and executable memory are out of reach")
{
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        EXPECT(sandbox_passes(closed[i], all_refused));
}

TEST("outside a sandbox none of these calls meets EPERM, so the refusals are the sandbox's")
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        int n = count_refused(false);

        fflush(NULL);
        _exit(n);
    }
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
}

static int pair[2], sealed;

/* Send a descriptor and some bytes over the inherited pair and take them in again. */
static int pass_descriptor(void)
{
    char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &sealed, sizeof(int));
    WANT(sendmsg(pair[0], &msg, MSG_NOSIGNAL) == 1);
    byte = 0;
    WANT(recvmsg(pair[1], &msg, MSG_CMSG_CLOEXEC) == 1 && byte == 'x');
    WANT(CMSG_FIRSTHDR(&msg) != NULL);
    return 0;
}

static int map_sealed(void)
{
    struct stat st;
    void *map;

    WANT(fcntl(sealed, F_GET_SEALS) == F_SEAL_WRITE);
    WANT(fstat(sealed, &st) == 0 && st.st_size == 4096);
    map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, sealed, 0);
    WANT(map != MAP_FAILED && !memcmp(map, "policy", 6));
    WANT(munmap(map, 4096) == 0);
    return 0;
}

static int work_goes_on(void)
{
    struct pollfd p = {.fd = pair[1], .events = POLLIN};
    char *big = malloc(16 << 20), random[32];
    struct timespec ts = {0, 1000};
    time_t now = time(NULL);
    struct tm tm;
    int line;

    WANT(big);
    for (size_t i = 0; i < 16 << 20; i += 4096)
        big[i] = 1;
    big = realloc(big, 32 << 20);
    WANT(big);
    free(big);
    WANT(getrandom(random, sizeof(random), 0) == sizeof(random));
    WANT(nanosleep(&ts, NULL) == 0 && clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
    WANT(now > 0 && gmtime_r(&now, &tm) != NULL);
    WANT(poll(&p, 1, 0) == 0);
    line = pass_descriptor();
    if (line)
        return line;
    WANT(fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK) == 0);
    return map_sealed();
}

TEST("memory, randomness, clocks, inherited channels and sealed images still serve")
{
    EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
    sealed = memfd_create("image", MFD_ALLOW_SEALING);
    EXPECT(ftruncate(sealed, 4096) == 0 && pwrite(sealed, "policy", 6, 0) == 6);
    EXPECT(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE) == 0);
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        EXPECT(sandbox_passes(closed[i], work_goes_on));
    close(pair[0]);
    close(pair[1]);
    close(sealed);
}

static int call_abort(void)
{
    abort();
}

TEST("abort ends the process by SIGABRT, without a core file")
{
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        int status = sandbox_status(closed[i], call_abort);

        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !WCOREDUMP(status));
    }
}

static int call_exit(void)
{
    exit(0);
}

TEST("exit with all its handlers ends the process in order")
{
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        EXPECT(sandbox_status(closed[i], call_exit) == 0);
}

#ifdef __x86_64__
static int call_x32(void)
{
    syscall(0x40000000 | SYS_getpid);
    return 0;
}

TEST("a call of another architecture's table ends the process")
{
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        int status = sandbox_status(closed[i], call_x32);

        EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}
#endif

/* A parent that forks a sandboxed child, waits until it is ready, and dies. */
static void orphan_maker(int told)
{
    int ready[2];
    pid_t pid;
    char c;

    if (pipe(ready) < 0)
        _exit(1);
    pid = fork();
    if (pid == 0) {
        alarm(30);
        close(ready[0]);
        if (sandbox_enter(SANDBOX_HANDSHAKE, NULL) == 0 && write(told, "r", 1) == 1 &&
            write(ready[1], "r", 1) == 1)
            poll(NULL, 0, -1);
        _exit(1);
    }
    close(ready[1]);
    _exit(read(ready[0], &c, 1) == 1 ? 0 : 1);
}

TEST("a sandboxed process dies with its parent, though it changed its user meanwhile")
{
    struct pollfd p = {.events = POLLIN};
    int told[2], status = -1;
    pid_t pid;
    char c;

    EXPECT(pipe(told) == 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        close(told[0]);
        orphan_maker(told[1]);
    }
    close(told[1]);
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    EXPECT(read(told[0], &c, 1) == 1);
    p.fd = told[0];
    EXPECT(poll(&p, 1, WAIT_MS) == 1 && read(told[0], &c, 1) == 0); /* its end closed: it is gone */
    close(told[0]);
}

static void *wait_forever(void *arg)
{
    poll(NULL, 0, -1);
    return arg;
}

TEST("a process with a second and third thread is refused, for they would stay outside")
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        pthread_t a, b;
        struct err e;

        if (pthread_create(&a, NULL, wait_forever, NULL) ||
            pthread_create(&b, NULL, wait_forever, NULL))
            _exit(1);
        _exit(sandbox_enter(SANDBOX_KEYRING, &e) == -EBUSY && strstr(e.what, "threads") ? 0 : 2);
    }
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
}

static int launcher_keeps_its_means(void)
{
    struct rlimit core;
    int fd = open("/etc/passwd", O_RDONLY);

    WANT(fd >= 0);
    WANT(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
    WANT(prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
    return 0;
}

TEST("the launcher keeps its means but leaves no core and can not be looked into")
{
    EXPECT(sandbox_passes(SANDBOX_LAUNCHER, launcher_keeps_its_means));
}

TEST("a profile that does not exist is an error, not an open door")
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(sandbox_enter((enum sandbox_profile)77, NULL) == -EINVAL ? 0 : 1);
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(void)
{
    return test_run();
}
