/*
 * outbox: a bounded queue before a channel, for messages that do not fit at the moment.
 *
 * Why: the launcher serves all children from one loop and must not wait for one of them; a large
 * revision is more messages than a socket holds.
 * Owner: embedded in a child. Never: blocks, reorders, or keeps a descriptor that is the caller's
 * (a queued message holds its own duplicate).
 */
#ifndef PENSTOCK_LAUNCHER_OUTBOX_H
#define PENSTOCK_LAUNCHER_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/list.h"

#define OUTBOX_MAX 65536 /* queued messages */

struct outbox {
    struct list queue;
    unsigned n;
};

void outbox_init(struct outbox *o);
void outbox_fini(struct outbox *o); /* drops what is queued */
bool outbox_empty(const struct outbox *o);
/*
 * Send at once, or queue behind what waits. fd: one descriptor to pass along, or -1. 0, -ENOBUFS
 * (queue full), -ENOMEM, -EMFILE, or what chan_send() says but -EAGAIN.
 */
int outbox_send(struct outbox *o, int chan, uint8_t type, const struct buf *body, int fd);
/* Send what waits. 0, -EAGAIN if some is left, or what else chan_send() says. */
int outbox_flush(struct outbox *o, int chan);

#endif
