/*
 * busy: looking for events for a while before sleeping (`busy_poll_us`).
 *
 * Why: waking a sleeping processor takes longer than carrying a small message. While a worker has
 * sessions it may look for events for up to a millisecond before it sleeps; where network cards can
 * be asked directly (NAPI, Linux 6.9), the ring asks those of its sockets for the same time.
 * Owner: the worker's thread. Never: keeps the processor from others who wait for it: it gives way
 * at every look.
 */
#ifndef PENSTOCK_URING_BUSY_H
#define PENSTOCK_URING_BUSY_H

#include <stdint.h>
#include "dataplane/uring/ring.h"

/* The calls that busy_set() makes, to be allowed in a restricted ring: of enum
 * io_uring_register_op from Linux 6.9 on. */
#define BUSY_REGISTER_NAPI   27
#define BUSY_UNREGISTER_NAPI 28

/* Look for us microseconds from now on; 0: sleep at once. */
void busy_set(struct ring *r, uint32_t us);
/* Hand in what was asked for and look for events. Returns at once when looking is not wished. */
void busy_look(struct ring *r);

#endif
