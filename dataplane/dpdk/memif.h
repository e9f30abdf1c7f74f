/*
 * memif: meeting the other ends of shared memory interfaces (net_memif).
 *
 * Why: they meet by sockets, which the sandbox forbids, so they are waited for before. And the
 * driver closes the descriptor of DPDK's own memory once a client whose packets are shared without
 * a copy is connected: the next one would hand over whatever file has that number by then, and the
 * other end would die of it. So clients connect one after the other, and the number gets its file
 * back in between.
 * Owner: the main thread, before any worker.
 */
#ifndef PENSTOCK_DPDK_MEMIF_H
#define PENSTOCK_DPDK_MEMIF_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/policy.h"

#define MEMIF_FILES 32

/* The descriptors of DPDK's memory, and copies of them. */
struct memif_files {
    unsigned n;
    struct {
        int fd, copy;
    } file[MEMIF_FILES];
};

bool memif_is(const struct policy_port *p);
/* Does it connect, rather than being connected to? */
bool memif_is_client(const struct policy_port *p);
/* Wait for p's other end, ms at most; id is DPDK's of the port. 0, or -ENOTCONN with *e. */
int memif_await(const struct policy_port *p, uint16_t id, unsigned ms, struct err *e);
/* -ENOTCONN with *e: nobody listens at p's socket. */
int memif_nobody(const struct policy_port *p, struct err *e);

/* Once DPDK runs: copy its memory's descriptors. 0 or -errno. */
int memif_keep(struct memif_files *f);
/* Give closed ones their files back. 0, or -errno: another file took the place meanwhile. */
int memif_restore(const struct memif_files *f);
void memif_release(struct memif_files *f);

#endif
