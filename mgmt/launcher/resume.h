/*
 * resume: a process that came back is given the running revision again, or mgmt its text.
 *
 * Why: whoever dies is healed alone; the others are not even asked.
 * Owner: change. Never: changes what runs.
 */
#ifndef PENSTOCK_LAUNCHER_RESUME_H
#define PENSTOCK_LAUNCHER_RESUME_H

#include <stdbool.h>
#include "dataplane/base/err.h"
#include "mgmt/launcher/fleet.h"
#include "mgmt/launcher/holding.h"

/* c is READY: give it `running` (may be NULL: nothing to give, it serves). */
void resume_begin(struct child *c, const struct holding *running, uint64_t now_ms);
/* It prepared: hand out the channels that it needs before it goes live, then COMMIT. */
void resume_prepared(struct child *c, const struct holding *running, struct fleet *f,
                     uint64_t now_ms);
void resume_committed(struct child *c, uint64_t now_ms);
/* It does not take what the others run on: it is logged and started anew after its back-off. */
void resume_refused(struct child *c, const struct err *e);
/* LOAD to mgmt. text_fd stays the caller's. */
void resume_load(struct child *mgmt, uint64_t revision, const char *name, bool resume, int text_fd);

#endif
