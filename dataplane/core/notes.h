/*
 * notes: what reaches a worker besides its sessions: notes of the control thread, mgmt's questions.
 *
 * Why: a change of policy, a new channel or an order to end mean the same on every net below.
 * Owner: the worker's thread. Never: blocks.
 */
#ifndef PENSTOCK_CORE_NOTES_H
#define PENSTOCK_CORE_NOTES_H

#include "dataplane/core/worker.h"

/* The inbox has something: take all of it. */
void notes_take(struct worker *w);
/* The channel of mgmt's questions is readable. */
void notes_query(struct worker *w);
/* Tell the control thread: a verdict is of an old revision. */
void notes_rejudge(struct worker *w);

#endif
