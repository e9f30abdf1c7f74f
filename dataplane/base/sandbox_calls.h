/*
 * sandbox_calls: which system calls each profile may make, as tables.
 *
 * Why: what a process may ask of the kernel is read as a list, and a new need is one new row.
 * Owner: constant data, private to the sandbox. Never: allows by exclusion; what is not listed is
 * refused.
 */
#ifndef PENSTOCK_BASE_SANDBOX_CALLS_H
#define PENSTOCK_BASE_SANDBOX_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/sandbox.h"

#define SANDBOX_CONDS 3 /* conditions of one row, all of which must hold */
#define SANDBOX_SETS  4 /* tables of one profile */

/* Argument `arg` masked with `mask` must equal `value`; no condition when mask is 0. */
struct sandbox_cond {
    unsigned arg;
    uint64_t mask, value;
};

/* One allowed call; rows for the same call add up. */
struct sandbox_call {
    int nr; /* SCMP_SYS(name) */
    const char *name;
    struct sandbox_cond cond[SANDBOX_CONDS];
};

struct sandbox_set {
    const struct sandbox_call *calls;
    size_t n;
};

/* The tables of a profile, ended by n == 0. NULL for one that has no filter. */
const struct sandbox_set *sandbox_calls(enum sandbox_profile profile);

/* What a sanitizer's run time needs on top, in every profile; empty in other builds. */
extern const struct sandbox_set sandbox_sanitizer_calls;
/* Threads that a sanitizer's run time may have started before main. */
extern const unsigned sandbox_sanitizer_threads;

#endif
