/*
 * health: periodic checks of targets: a TCP connection that is made and closed again.
 *
 * Why: a target that went away is known before a client waits for it, and one that came back is
 * used. Owner: the control thread. Never: more than one check of a target at a time.
 */
#ifndef PENSTOCK_CORE_HEALTH_H
#define PENSTOCK_CORE_HEALTH_H

#include <poll.h>
#include <stdint.h>
#include "dataplane/core/gate.h"

struct health_check {
    const struct gate_link *link;
    unsigned target;
    int fd;          /* -1: waiting for its time */
    uint64_t due_ms; /* when to begin, or when to give up */
};

struct health {
    struct gate *gate; /* counted */
    struct health_check *checks;
    unsigned n;
};

/* Check the targets of this revision from now on (NULL: none). Keeps what is known of them. */
void health_set(struct health *h, struct gate *g, uint64_t now_ms);
/* Fill at most cap poll entries for checks under way; returns how many. */
unsigned health_poll(const struct health *h, struct pollfd *p, unsigned cap);
/* Begin what is due, take what ended (looking at every check under way). */
void health_step(struct health *h, uint64_t now_ms);
/* Milliseconds until something is due, at most max_ms. */
uint64_t health_wait_ms(const struct health *h, uint64_t now_ms, uint64_t max_ms);

#endif
