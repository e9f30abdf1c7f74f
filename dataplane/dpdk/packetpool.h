/*
 * packetpool: the packets' memory, of all ports and workers.
 *
 * Why: which packet is next, and where it lies, decides how much of the processor's cache they
 * take. Owner: made by main before the sandbox, never freed. Never: grows.
 */
#ifndef PENSTOCK_DPDK_PACKETPOOL_H
#define PENSTOCK_DPDK_PACKETPOOL_H

#include <stdbool.h>
#include "dataplane/wire/policy.h"

#define PACKET_PRIVATE 64 /* bytes of each packet that are ours */

struct rte_mempool;

/* Three quarters of the memory; devices and tables have the rest. NULL: it is too little
 * (rte_errno). */
struct rte_mempool *packetpool_make(const struct policy_dpdk *p);

/* A virtual device is named after its driver: net_af_packet0,iface=eth1. */
bool device_is_virtual(const char *device);

#endif
