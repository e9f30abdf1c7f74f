/*
 * resolve: host names to addresses, within a time.
 *
 * Why: a resolver may take minutes to give up; a load must not. The look-up runs in a thread that
 * is left behind when it is late; it then ends by itself and frees what it holds.
 * Owner: the caller gets plain addresses. Never: waits longer than told. A load ends with its first
 * late look-up, so each leaves at most one thread behind.
 */
#ifndef PENSTOCK_MGMT_MODEL_RESOLVE_H
#define PENSTOCK_MGMT_MODEL_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/addr.h"

#define RESOLVE_ADDRESSES_MAX 64

/*
 * Every address of the host, with the port, in the resolver's order; *n of them. 0, or -errno with
 * *why in words: -ENOENT (no such name), -ETIMEDOUT, -E2BIG (more than RESOLVE_ADDRESSES_MAX),
 * -EAGAIN (no thread), -ENOMEM.
 */
int resolve_host(const char *host, uint16_t port, int timeout_ms,
                 struct addr out[RESOLVE_ADDRESSES_MAX], size_t *n, const char **why);

#endif
