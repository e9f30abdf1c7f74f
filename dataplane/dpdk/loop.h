/*
 * loop: the worker of a DPDK process: polled ports instead of a ring.
 *
 * Why: a port has no descriptor to wait on. While there are frames it never sleeps; when there were
 * none for a while it sleeps a little, up to a millisecond, on its channels: an idle gateway leaves
 * the processor alone. Owner: the worker's thread.
 */
#ifndef PENSTOCK_DPDK_LOOP_H
#define PENSTOCK_DPDK_LOOP_H

#include "dataplane/core/threads.h"

struct ports;

/*
 * The engine of one worker, over its ports. lwIP keeps its state in variables of its own, so each
 * worker has a copy of all that is built around it: see stacks.h.
 */
const struct engine *loop_engine(struct ports *ports);

#endif
