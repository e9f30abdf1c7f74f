/*
 * checks: periodic checks of the engine's targets (core's health), by the worker's own stack.
 *
 * Why: the kernel has no address in these networks; who would carry the sessions makes the checks.
 * Owner: the first worker's thread; the others have none, since what is found is all workers'.
 */
#ifndef PENSTOCK_DPDK_CHECKS_H
#define PENSTOCK_DPDK_CHECKS_H

#include "dataplane/dpdk/tcp.h"

void checks_begin(struct tcp *t);
/* Check what the worker's revision asks for. */
void checks_set(struct tcp *t);
/* A millisecond has passed. */
void checks_tick(struct tcp *t);
void checks_end(struct tcp *t);

#endif
