/*
 * relay: a bare relay of TCP connections, as one of three methods: the floor under every gateway.
 *
 * Why: whatever a gateway does besides, it takes bytes from one socket and gives them to another;
 * what that alone costs on this machine, under the same generator and backend (penstock-load
 * --plain), is what its figures are divided by. One thread, no limits, no timeouts, no logs: a
 * measuring stick, not a proxy for anybody's use.
 * Owner: main(); a pair frees itself when both its ends are through.
 */
#ifndef PENSTOCK_MICRO_RELAY_H
#define PENSTOCK_MICRO_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/addr.h"

struct pair;

/* One direction of a pair. */
struct flow {
    struct pair *pair;
    int from, to;
    bool eof;      /* `from` has ended */
    bool done;     /* and `to` was told */
    bool blocked;  /* `to` takes no more for now */
    uint8_t *kept; /* copy: bytes that `to` did not take, [at, n) */
    size_t at, n;
    int pipe[2];    /* splice: -1 until first used */
    size_t in_pipe; /* splice: bytes in it */
};

/* How a readiness loop moves bytes. */
struct mover {
    /* Move what goes: sets eof, blocked. 0, or -1 when the connection is broken. */
    int (*move)(struct flow *f);
    void (*fini)(struct flow *f);
};

extern const struct mover mover_copy, mover_splice;

/* A connection to the backend is begun. The descriptor, or -errno. */
int relay_dial(const struct addr *to);
/* Relay for ever what comes on the listening socket. Return only on failure: -errno. */
int relay_poll(int listening, const struct addr *to, const struct mover *mover);
int relay_uring(int listening, const struct addr *to);

#endif
