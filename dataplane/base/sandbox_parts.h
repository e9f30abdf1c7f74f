/*
 * sandbox_parts: the two walls that sandbox_enter() puts up last, each in a file of its own.
 *
 * Why: the filter judges system calls by number and argument; Landlock judges paths, and so also
 * those that an io_uring opens without any system call the filter sees. Owner: private to the
 * sandbox; single-threaded. Never: takes anything back once it is up.
 */
#ifndef PENSTOCK_BASE_SANDBOX_PARTS_H
#define PENSTOCK_BASE_SANDBOX_PARTS_H

#include "dataplane/base/sandbox.h"

/* Load the seccomp filter of a profile. 0 or -errno with *e filled. Needs no_new_privs. */
int sandbox_filter_load(enum sandbox_profile profile, struct err *e);

/*
 * Forbid every use of the file system by path but for the places named, abstract unix sockets and
 * signals to others, for good. A kernel without Landlock (before 5.13, or booted without it) gives
 * 0 as well: there the filter stands alone. 0 or -errno with *e filled. Needs no_new_privs.
 */
int sandbox_landlock(const struct sandbox_place *places, size_t n, struct err *e);

#endif
