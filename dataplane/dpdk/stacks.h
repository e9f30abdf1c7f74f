/*
 * stacks: the engine of all workers of a process, each with a copy of the stack to itself.
 *
 * Why: lwIP is one instance: its connections, tables and pools are variables of its own. So lwIP
 * and what is built on it are linked into the program as often as there can be workers, each copy
 * under a name of its own (dpdk.mk), and worker i runs the i-th. Owner: main; then each worker its
 * copy.
 */
#ifndef PENSTOCK_DPDK_STACKS_H
#define PENSTOCK_DPDK_STACKS_H

#include "dataplane/core/threads.h"

struct ports;

/* Over the workers' ports, one set for each. */
const struct engine *stacks_engine(struct ports *ports);

#endif
