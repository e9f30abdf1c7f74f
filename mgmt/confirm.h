/*
 * confirm: a committed revision that goes back by itself unless somebody says that it is good.
 *
 * Why: a change that cuts its own author off must not stay. What is waited for stands in the store,
 * so that a crash or a reboot does not confirm it. Owner: the manager. Never: goes back behind a
 * later change of somebody else; undoes what the gateway itself renewed or fetched meanwhile.
 */
#ifndef PENSTOCK_MGMT_CONFIRM_H
#define PENSTOCK_MGMT_CONFIRM_H

#include <jansson.h>
#include <stdint.h>
#include "dataplane/base/err.h"

struct manager;

#define CONFIRM_MAX_S 86400

/*
 * `revision`, which is about to be made, goes back at `at_s` (wall clock) to what runs now, or to
 * where an earlier one that waits would go. 0 with *before, for confirm_undo(), or -errno.
 */
int confirm_want(struct manager *m, uint64_t revision, int64_t at_s, char **before);
/* It was refused: what was waited for before it (taken) is again. */
void confirm_undo(struct manager *m, char *before);
/* {"revision", "back_to", "seconds_left"}, or NULL: nothing is waited for. The caller's. */
json_t *confirm_pending(struct manager *m);
/* It is good. 0, or -ENOENT: nothing was waited for. */
int confirm_given(struct manager *m);
/* Go back if the time has come. Call now and then. */
void confirm_tick(struct manager *m, int64_t now_s);

#endif
