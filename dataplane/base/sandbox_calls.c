#include "dataplane/base/sandbox_calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <linux/vfio.h>

#include "dataplane/base/check.h"

/* clang-format off */
#define CALL(name)      SCMP_SYS(name), #name
#define INT(arg, v)     {arg, UINT32_MAX, (uint32_t)(v)} /* the kernel, too, drops the upper half */
#define CLEAR(arg, v)   {arg, v, 0}
#define FCNTL(cmd)      {CALL(fcntl), {INT(1, cmd)}}
#define IOCTL(cmd)      {CALL(ioctl), {INT(1, cmd)}}
#define SOCK_KIND(kind) {1, UINT32_MAX & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC), kind}
#define SOCKET(family, kind, protocol) \
    {CALL(socket), {INT(0, family), SOCK_KIND(kind), INT(2, protocol)}}

/* Exactly what pthread_create() of glibc passes to clone(2): a thread, never a process. */
#define THREAD_FLAGS \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/*
 * Memory, clocks, randomness, and input and output on descriptors that are already open. Nothing
 * here makes a descriptor of something new, but for a poll set and a copy of one already held.
 */
static const struct sandbox_call base_calls[] = {
    {CALL(read)}, {CALL(write)}, {CALL(readv)}, {CALL(writev)}, {CALL(pread64)},
    {CALL(recvmsg)}, {CALL(sendmsg)}, {CALL(recvfrom)}, {CALL(sendto)},
    {CALL(poll)}, {CALL(ppoll)}, {CALL(epoll_create)}, {CALL(epoll_create1)}, {CALL(epoll_ctl)},
    {CALL(epoll_wait)}, {CALL(epoll_pwait)}, {CALL(epoll_pwait2)},
    {CALL(close)}, {CALL(lseek)}, {CALL(fstat)},
    /* fstat() of glibc; the path can not be seen from here, the flag leaves it to be empty */
    {CALL(newfstatat), {INT(3, AT_EMPTY_PATH)}},
    FCNTL(F_GET_SEALS), FCNTL(F_GETFL), FCNTL(F_SETFL), FCNTL(F_GETFD), FCNTL(F_SETFD),
    FCNTL(F_DUPFD_CLOEXEC),

    {CALL(mmap), {CLEAR(2, PROT_EXEC)}}, {CALL(mprotect), {CLEAR(2, PROT_EXEC)}},
    {CALL(munmap)}, {CALL(mremap)}, {CALL(brk)}, {CALL(madvise)},

    {CALL(clock_gettime)}, {CALL(clock_nanosleep)}, {CALL(nanosleep)}, {CALL(gettimeofday)},
    {CALL(time)}, {CALL(getrandom)}, {CALL(getpid)}, {CALL(gettid)}, {CALL(getppid)},
    {CALL(getrusage)},
    {CALL(sysinfo)}, /* qsort() of glibc 2.36 asks how much memory there is */

    {CALL(futex)}, {CALL(set_robust_list)}, {CALL(rseq)}, {CALL(sched_yield)},
    {CALL(sched_getaffinity)}, {CALL(rt_sigaction)}, {CALL(rt_sigprocmask)},
    {CALL(rt_sigreturn)}, {CALL(sigaltstack)}, {CALL(restart_syscall)},
    {CALL(exit)}, {CALL(exit_group)},
};

/* The keyring's vault works in a thread of its own; it is made with the vault's channel. */
static const struct sandbox_call one_thread_calls[] = {
    {CALL(clone), {{0, UINT64_MAX, THREAD_FLAGS}}},
};

static const struct sandbox_call thread_calls[] = {
    {CALL(clone), {{0, UINT64_MAX, THREAD_FLAGS}}},
    {CALL(sched_setaffinity)}, {CALL(getcpu)},
    {CALL(setpriority), {INT(0, PRIO_PROCESS), INT(1, 0)}}, /* the caller's own */
    {CALL(prctl), {INT(0, PR_SET_NAME)}},
    {CALL(prlimit64), {{2, UINT64_MAX, 0}}}, {CALL(getrlimit)}, /* reading them */
    {CALL(pipe2)}, {CALL(eventfd2)}, {CALL(signalfd4)},
    {CALL(timerfd_create)}, {CALL(timerfd_settime)}, {CALL(timerfd_gettime)},
};

/* Connections over TCP, and what moves their bytes. */
static const struct sandbox_call dataplane_calls[] = {
    SOCKET(AF_INET, SOCK_STREAM, 0), SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET6, SOCK_STREAM, 0), SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    {CALL(connect)}, {CALL(bind)}, {CALL(listen)}, {CALL(accept)}, {CALL(accept4)},
    {CALL(getsockname)}, {CALL(getpeername)}, {CALL(getsockopt)}, {CALL(setsockopt)},
    {CALL(shutdown)}, {CALL(recvmmsg)}, {CALL(sendmmsg)},
    IOCTL(FIONREAD), IOCTL(SIOCOUTQ), IOCTL(FIONBIO),
    {CALL(splice)}, {CALL(tee)}, FCNTL(F_SETPIPE_SZ), FCNTL(F_GETPIPE_SZ),
    {CALL(io_uring_setup)}, {CALL(io_uring_enter)}, {CALL(io_uring_register)},
};

/*
 * The store (its own directory: Landlock and its user's rights see to that), reading files, the
 * resolver, the local socket, and building sealed images.
 */
static const struct sandbox_call mgmt_calls[] = {
    {CALL(open)}, {CALL(openat)}, {CALL(mkdir)}, {CALL(mkdirat)}, {CALL(unlink)}, {CALL(unlinkat)},
    {CALL(rename)}, {CALL(renameat)}, {CALL(renameat2)}, {CALL(fchdir)}, {CALL(fchmod)},
    {CALL(fallocate)}, FCNTL(F_SETLK), FCNTL(F_GETLK), FCNTL(F_SETLKW), {CALL(umask)},
    {CALL(landlock_create_ruleset)}, {CALL(landlock_add_rule)}, {CALL(landlock_restrict_self)},
    {CALL(stat)}, {CALL(lstat)}, {CALL(newfstatat)}, {CALL(statx)}, {CALL(statfs)}, {CALL(fstatfs)},
    {CALL(access)}, {CALL(faccessat)}, {CALL(faccessat2)}, {CALL(readlink)}, {CALL(readlinkat)},
    {CALL(getdents64)}, {CALL(getcwd)},
    {CALL(pwrite64)}, {CALL(ftruncate)}, {CALL(fsync)}, {CALL(fdatasync)},
    {CALL(memfd_create)}, FCNTL(F_ADD_SEALS),

    {CALL(socket), {INT(0, AF_UNIX)}},
    SOCKET(AF_INET, SOCK_STREAM, 0), SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET6, SOCK_STREAM, 0), SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET, SOCK_DGRAM, 0), SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_INET6, SOCK_DGRAM, 0), SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_NETLINK, SOCK_RAW, 0), /* getaddrinfo() asks which addresses this machine has */
    {CALL(socketpair), {INT(0, AF_UNIX)}},
    {CALL(connect)}, {CALL(bind)}, {CALL(accept)}, {CALL(accept4)}, {CALL(getsockname)},
    {CALL(getpeername)}, {CALL(getsockopt)}, {CALL(setsockopt)}, {CALL(shutdown)},
    {CALL(sendmmsg)}, {CALL(recvmmsg)}, {CALL(select)}, {CALL(pselect6)},
    IOCTL(FIONREAD), IOCTL(FIONBIO), {CALL(sendfile)},

    {CALL(uname)}, {CALL(getuid)}, {CALL(geteuid)}, {CALL(getgid)}, {CALL(getegid)},
};

/*
 * A PKCS#11 module at work: a software token reads and writes its files (where Landlock lets it), a
 * network token calls its box, a card asks its daemon. It may load libraries as it goes: memory can
 * hold code of files, but none that was written to.
 */
static const struct sandbox_call token_calls[] = {
    {CALL(open)}, {CALL(openat)}, {CALL(mkdir)}, {CALL(mkdirat)}, {CALL(unlink)}, {CALL(unlinkat)},
    {CALL(rename)}, {CALL(renameat)}, {CALL(renameat2)}, {CALL(fchmod)}, {CALL(rmdir)},
    {CALL(fallocate)}, FCNTL(F_SETLK), FCNTL(F_GETLK), FCNTL(F_SETLKW), {CALL(flock)}, {CALL(umask)},
    {CALL(stat)}, {CALL(lstat)}, {CALL(newfstatat)}, {CALL(statx)}, {CALL(statfs)}, {CALL(fstatfs)},
    {CALL(access)}, {CALL(faccessat)}, {CALL(faccessat2)}, {CALL(readlink)}, {CALL(readlinkat)},
    {CALL(getdents64)}, {CALL(getcwd)}, {CALL(pwrite64)}, {CALL(ftruncate)}, {CALL(fsync)},
    {CALL(fdatasync)}, {CALL(mmap), {CLEAR(2, PROT_WRITE)}},

    {CALL(socket), {INT(0, AF_UNIX)}},
    SOCKET(AF_INET, SOCK_STREAM, 0), SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET6, SOCK_STREAM, 0), SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
    SOCKET(AF_INET, SOCK_DGRAM, 0), SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_INET6, SOCK_DGRAM, 0), SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
    SOCKET(AF_NETLINK, SOCK_RAW, 0),
    {CALL(connect)}, {CALL(getsockname)}, {CALL(getpeername)}, {CALL(getsockopt)},
    {CALL(setsockopt)}, {CALL(shutdown)}, {CALL(sendmmsg)}, {CALL(recvmmsg)}, {CALL(select)},
    {CALL(pselect6)}, IOCTL(FIONREAD), IOCTL(FIONBIO),

    {CALL(uname)}, {CALL(getuid)}, {CALL(geteuid)}, {CALL(getgid)}, {CALL(getegid)},
};

#define SET(table) {table, ARRAY_LEN(table)}
/* What packet sockets have counted; arming the interrupts of a device that is open. */
static const struct sandbox_call dpdk_calls[] = {
    {CALL(getsockopt)}, IOCTL(VFIO_DEVICE_SET_IRQS),
};
/* clang-format on */

static const struct sandbox_set profile_sets[][SANDBOX_SETS] = {
    [SANDBOX_HANDSHAKE] = {SET(base_calls)},
    [SANDBOX_KEYRING] = {SET(base_calls), SET(one_thread_calls)},
    [SANDBOX_TOKEN] = {SET(base_calls), SET(thread_calls), SET(token_calls)},
    [SANDBOX_DATAPLANE] = {SET(base_calls), SET(thread_calls), SET(dataplane_calls)},
    [SANDBOX_DPDK] = {SET(base_calls), SET(thread_calls), SET(dpdk_calls)},
    [SANDBOX_MGMT] = {SET(base_calls), SET(thread_calls), SET(mgmt_calls)},
};

const struct sandbox_set *sandbox_calls(enum sandbox_profile profile)
{
    return profile < ARRAY_LEN(profile_sets) ? profile_sets[profile] : NULL;
}
