/*
 * model_dpdk: the "dpdk" block, and what a link on its ports may be.
 *
 * Why: the engine's ports are a small network of their own; addresses are judged by the rule by
 * which the engine routes (wire/policy_port). Owner: private to model*.c and compile*.c.
 */
#ifndef PENSTOCK_MGMT_MODEL_MODEL_DPDK_H
#define PENSTOCK_MGMT_MODEL_MODEL_DPDK_H

#include "mgmt/model/model_parts.h"

/* Read the block (absent: no ports). d->ports is to be freed, also on failure. */
int model_dpdk(const struct node *n, struct policy_dpdk *d);
/* 0 if the link is none of this engine's, or can be; else -EINVAL with *e. */
int model_dpdk_judge(const struct policy_dpdk *d, const struct model_link *l, struct err *e);
/* Does a port lead to this address? */
bool model_dpdk_reaches(const struct policy_dpdk *d, const struct addr *a);

#endif
