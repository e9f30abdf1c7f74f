/*
 * sandbox: what a process gives up before it reads its first message.
 *
 * Why: the processes that parse strangers' bytes or hold keys can then neither open a file nor a
 * socket, whatever goes wrong in them.
 * Owner: called once, by main, while single-threaded.
 * Never: returns success with anything left that the profile takes away.
 */
#ifndef PENSTOCK_BASE_SANDBOX_H
#define PENSTOCK_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "dataplane/base/err.h"

enum sandbox_profile {
    SANDBOX_HANDSHAKE, /* memory, clocks, randomness, poll, inherited channels, mmap of memfds */
    SANDBOX_KEYRING,   /* the same, and a thread */
    SANDBOX_TOKEN,     /* + threads, files of the places named, outbound sockets, code of files (a
                          PKCS#11 module may load more); no exec, no listening */
    SANDBOX_DATAPLANE, /* + sockets (inet only), io_uring, threads, splice, affinity; no open, no
                          exec */
    SANDBOX_DPDK,      /* threads and what is open already: ports and channels; DPDK's own threads
                          are bound by user and filter, but not by Landlock */
    SANDBOX_MGMT,      /* + files (see sandbox_write_below), inet/unix sockets for the resolver and
                          the local socket */
    SANDBOX_LAUNCHER   /* no core files, not dumpable; keeps its privilege */
};

/*
 * Apply a profile: no core files (RLIMIT_CORE 0, PR_SET_DUMPABLE 0), no new privileges, uid and gid
 * of user "penstock" (65534 where there is no such user; groups emptied; skipped when not root),
 * all capabilities dropped, then a seccomp filter that answers forbidden calls with EPERM (the
 * process lives on and can say so) and kills on calls of another architecture. Dies with the parent
 * (PR_SET_PDEATHSIG SIGKILL) in all profiles but LAUNCHER. 0 or -errno with *e filled. Look users
 * up before the filter is loaded.
 *
 * Where the kernel has Landlock, all but MGMT and LAUNCHER also lose every path and abstract unix
 * socket there: it judges what an io_uring opens, which the filter never sees. -EBUSY when other
 * threads run (but DPDK's), -ESRCH when the parent died meanwhile. On failure the process may have
 * lost some privileges already and should end. Afterwards only threads can be made, never
 * processes; clone3 answers ENOSYS, so that glibc takes the clone that the filter can judge.
 */
int sandbox_enter(enum sandbox_profile profile, struct err *e);

/* A file or a directory with all below it. One that is not there is passed over. */
struct sandbox_place {
    const char *path;
    bool write;
};

/*
 * The same for TOKEN, with the only places of the file system that it can reach (where the kernel
 * has Landlock; else what its user may). It keeps the supplementary groups of user "penstock":
 * tokens are guarded by them.
 */
int sandbox_enter_with(enum sandbox_profile profile, const struct sandbox_place *places, size_t n,
                       struct err *e);

/*
 * Who the processes below the launcher are: user "penstock" or 65534 if we are root, else
 * ourselves. 0, or -EINVAL with *e: the user has a number of root's.
 */
int sandbox_user(uid_t *uid, gid_t *gid, struct err *e);

/*
 * For MGMT, once it knows its directory: from now on it can write below dir_fd only (where the
 * kernel has Landlock). 0 or -errno with *e.
 */
int sandbox_write_below(int dir_fd, struct err *e);

#endif
