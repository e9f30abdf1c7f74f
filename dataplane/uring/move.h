/*
 * move: bulk from socket to socket inside the kernel, by splice(2), where the kernel does TLS.
 *
 * Why: what the kernel opens or seals need not visit user space: that saves two copies of each
 * byte. Owner: one pipe a worker, which is empty before and after every call: what a full socket
 * does not take goes on as an ordinary block, so there are neither thousands of pipes nor a second
 * queue. Never: moves control records, or from kernel TLS on a kernel whose splice loses bytes (the
 * start-up probe tells); gives one session's bytes to another: a pipe that may hold some is closed.
 */
#ifndef PENSTOCK_URING_MOVE_H
#define PENSTOCK_URING_MOVE_H

#include "dataplane/core/worker.h"

struct mover {
    int pipe[2]; /* -1: not made yet */
    bool failed; /* none can be had: do not ask again */
};

void mover_init(struct mover *m);
void mover_fini(struct mover *m);

/* As struct net_ops says. */
enum leg_event move_bytes(struct worker *w, struct leg *src, struct leg *dst, struct moved *out);

#endif
