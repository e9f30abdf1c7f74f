/*
 * apply: from the launcher's LOAD to its APPLIED: text, model, policy, images.
 *
 * Why: the one path on which a configuration becomes a revision, all or nothing.
 * Owner: struct manager, single-threaded. Never: changes what runs before every process accepted.
 */
#ifndef PENSTOCK_MGMT_APPLY_H
#define PENSTOCK_MGMT_APPLY_H

#include "dataplane/wire/control.h"
#include "mgmt/manager.h"

/* LOAD arrived with the text's descriptor (taken). 0, or -errno when the control channel is dead.
 */
int apply_load(struct manager *m, const struct control_load *load, int fd);
/* APPLIED or REFUSED for the revision under way. */
void apply_done(struct manager *m, uint64_t revision, bool applied);

#endif
