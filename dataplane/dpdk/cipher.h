/*
 * cipher: crypto devices of DPDK as one more library of record/seal.
 *
 * Why: a card that computes AEADs, or a driver of DPDK's own, takes the place of ipsec-mb's direct
 * calls where the configuration names it. Owner: opened by main before the sandbox, used by the
 * workers, each through queues of its own; never closed. Never: ends a session because a device
 * fails: what a device does not answer, and what it has no room for, this processor computes; gives
 * out bytes that a device has not called authentic.
 */
#ifndef PENSTOCK_DPDK_CIPHER_H
#define PENSTOCK_DPDK_CIPHER_H

#include "dataplane/base/err.h"
#include "dataplane/record/seal.h"
#include "dataplane/wire/policy.h"

/*
 * Once DPDK has started with p->crypto: open the devices, with a queue for each of p->n_lcores
 * workers, and put each to record_test(). 0, or -errno with *e for the operator.
 */
int cipher_open(const struct policy_dpdk *p, struct err *e);
/* This thread is that worker. */
void cipher_begin(unsigned worker);
/* The library of this thread's worker: a device's, or seal_best() where none has the AEAD. */
const struct seal_ops *cipher_library(enum aead aead);

#endif
