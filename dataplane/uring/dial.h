/*
 * dial: connecting the inner leg to a target.
 * Owner: the session's worker. Never: blocks; leaves a descriptor behind a cancelled attempt.
 */
#ifndef PENSTOCK_URING_DIAL_H
#define PENSTOCK_URING_DIAL_H

#include "dataplane/core/worker.h"

/* Begin; flow_dialled() follows, maybe before this returns. */
void dial_start(struct worker *w, struct session *s, const struct policy_target *t);
void dial_cancel(struct worker *w, struct session *s);
/* The connecting socket became writable: it is connected, or failed. */
void dial_writable(struct worker *w, struct session *s);
/* The launcher's answer for a unix: target. Takes fd (-1: error). */
void dial_answered(struct worker *w, uint64_t session, int fd, int error);

#endif
