/*
 * balance: which target a session is sent to, and which targets are out.
 *
 * Why: least sessions first; a target that fails in a row is ejected until a check or the time says
 * otherwise; when all are out the least bad is tried all the same.
 * Owner: counters are atomics shared by all workers and the checker.
 */
#ifndef PENSTOCK_CORE_BALANCE_H
#define PENSTOCK_CORE_BALANCE_H

#include <stdint.h>
#include "dataplane/core/gate.h"

#define TARGETS_MAX 64 /* of one link: a session's tried targets are a bit mask */

/* The index of the target to try next, or -1 when all were tried. `seed` breaks ties. */
int balance_choose(const struct gate_link *l, uint64_t tried, uint64_t seed, uint64_t now_ms);
/* A dial or check ended. Returns true when this changed whether the target is in use. */
bool balance_result(const struct gate_link *l, unsigned target, bool ok, bool check,
                    uint64_t now_ms);

#endif
