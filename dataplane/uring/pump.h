/*
 * pump: moving application data between the two legs of a keyed session.
 *
 * Why: engines know records, the pump knows back-pressure, half-close and fairness.
 * Owner: the session's worker. Never: holds more than one block for a leg; reads a leg whose
 * partner holds one.
 */
#ifndef PENSTOCK_URING_PUMP_H
#define PENSTOCK_URING_PUMP_H

#include "dataplane/core/worker.h"

/* Begin, in both directions. */
void pump_start(struct worker *w, struct session *s);
/* src may have bytes. */
void pump_from(struct worker *w, struct session *s, struct leg *src);
/* leg's socket has room again. */
void pump_writable(struct worker *w, struct session *s, struct leg *leg);

#endif
