/*
 * apply: what the launcher wants of mgmt: a file's text as a revision, or what runs, again.
 *
 * Why: the file and the store may both know a configuration; which one counts is decided here: a
 * file that differs from the last one imported, else what the store says runs.
 * Owner: struct manager, single-threaded. Never: lets a restart undo what was changed since the
 * file was imported.
 */
#ifndef PENSTOCK_MGMT_APPLY_H
#define PENSTOCK_MGMT_APPLY_H

#include "dataplane/wire/control.h"
#include "mgmt/manager.h"

/* LOAD arrived with the text's descriptor (taken). 0, or -errno when the control channel is dead.
 */
int apply_load(struct manager *m, const struct control_load *load, int fd);

#endif
