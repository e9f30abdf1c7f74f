/*
 * trial: what a configuration that does not run yet would do to those who are connected.
 *
 * Why: before a change counts, an operator wants to know whom it cuts. The judge builds the
 * revision as it would for PREPARE, and judges the chain of every live peer under it: its word is
 * the one that counts later. Links that go and sources that are denied are read from the policy.
 * Owner: the manager. Never: takes longer than TRIAL_MS; what was not judged by then is said.
 */
#ifndef PENSTOCK_MGMT_TRIAL_H
#define PENSTOCK_MGMT_TRIAL_H

#include <jansson.h>
#include "mgmt/model/compile.h"

#define TRIAL_MS       4000
#define TRIAL_ROWS_MAX 1000 /* that are named; all are counted */

struct manager;

/*
 * {"sessions": n, "peers": [{"link", "side", "peer", "chain_sha256", "sessions", "reason",
 * "text"}], "links": [{"link", "sessions", "reason"}], "complete": bool}. NULL: out of memory.
 */
json_t *trial_cuts(struct manager *m, struct compiled *c);

#endif
