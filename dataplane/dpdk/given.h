/*
 * given: on the appliance, having its helper give this process its devices and its memory
 * (wire/system.h).
 *
 * Why: a card is bound and huge pages are reserved by the one process that has the right to and
 * judges for itself; this one only names what the policy names, before its sandbox.
 * Owner: main, single-threaded. Never: opens a device.
 */
#ifndef PENSTOCK_DPDK_GIVEN_H
#define PENSTOCK_DPDK_GIVEN_H

#include "dataplane/base/err.h"
#include "dataplane/wire/policy.h"

/* 0, or -errno with *e, whose place is in the configuration. */
int given_ask(const char *helper, const struct policy_dpdk *p, struct err *e);

#endif
