/*
 * place: on which processor a child runs, and how it yields.
 *
 * Why: a wake-up across processors costs thirty times one on the same, so each handshake process
 * sits beside its worker; and it yields, as the keyring and management do, so that a storm of
 * handshakes or of questions does not slow what is established. The data plane pins worker i to the
 * i-th processor by the same rule. (A processor that polls has no time for a neighbour: handshake
 * processes of the DPDK data plane go where there is room.) (How soon they yield is base/slice's
 * matter.) Never: fails; a system that refuses is merely slower.
 */
#ifndef PENSTOCK_LAUNCHER_PLACE_H
#define PENSTOCK_LAUNCHER_PLACE_H

#include "mgmt/launcher/child.h"

void place_child(const struct child *c, unsigned workers);

#endif
