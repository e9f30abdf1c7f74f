/*
 * health: periodic checks of targets: a TCP connection that is made and closed again.
 *
 * Why: a target that went away is known before a client waits for it, and one that came back is
 * used. Owner: one thread, the control thread for sockets, a worker for its own stack. Never: more
 * than one check of a target at a time.
 */
#ifndef PENSTOCK_CORE_HEALTH_H
#define PENSTOCK_CORE_HEALTH_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/core/gate.h"

/* How connections are made here. */
struct health_net {
    /* Is the link carried here? */
    bool (*carries)(const struct policy_link *l);
    /*
     * Begin to connect. A handle, or -errno: -EAGAIN when nothing can be begun now, which says
     * nothing about the target.
     */
    int (*begin)(void *self, const struct policy_link *l, const struct addr *to);
    /* 0: connected. -EINPROGRESS, or -errno: it failed. */
    int (*look)(void *self, int handle);
    void (*end)(void *self, int handle);
};

struct health_check {
    const struct gate_link *link;
    unsigned target;
    int handle;      /* -1: waiting for its time */
    uint64_t due_ms; /* when to begin, or when to give up */
};

struct health {
    const struct health_net *net;
    void *self;        /* the net's own */
    struct gate *gate; /* counted */
    struct health_check *checks;
    unsigned n;
};

void health_init(struct health *h, const struct health_net *net, void *self);
/* Check the targets of this revision from now on (NULL: none). Keeps what is known of them. */
void health_set(struct health *h, struct gate *g, uint64_t now_ms);
/* Begin what is due, take what ended (looking at every check under way). */
void health_step(struct health *h, uint64_t now_ms);
/* Milliseconds until something is due, at most max_ms. */
uint64_t health_wait_ms(const struct health *h, uint64_t now_ms, uint64_t max_ms);

/* By sockets. */
extern const struct health_net health_sockets;
/* Fill at most cap poll entries for their checks under way; returns how many. */
unsigned health_poll(const struct health *h, struct pollfd *p, unsigned cap);

#endif
