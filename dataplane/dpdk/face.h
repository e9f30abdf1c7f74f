/*
 * face: a port's face towards lwIP: its addresses, its gateways, its tag.
 *
 * Why: lwIP's and DPDK's headers define the same names, so no file can have both in full.
 * Owner: the worker's thread.
 */
#ifndef PENSTOCK_DPDK_FACE_H
#define PENSTOCK_DPDK_FACE_H

#include "dataplane/dpdk/port.h"

/* Start lwIP and give it the ports, on the worker's thread. 0 or -errno. */
int face_start(struct ports *ports);

#endif
