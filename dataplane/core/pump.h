/*
 * pump: moving application data between the two legs of a keyed session.
 *
 * Why: engines know records, the pump knows back-pressure, half-close and fairness.
 * Owner: the session's worker. Never: holds more than one block for a leg; reads a leg whose
 * partner holds one.
 */
#ifndef PENSTOCK_CORE_PUMP_H
#define PENSTOCK_CORE_PUMP_H

#include "dataplane/core/worker.h"

/* Send these n bytes (at most PROXY_MAX) up before anything else. 0 or -errno. */
int pump_prefix(struct worker *w, struct session *s, const uint8_t *data, size_t n);
/* Begin, in both directions. */
void pump_start(struct worker *w, struct session *s);
/* src may have bytes. */
void pump_from(struct worker *w, struct session *s, struct leg *src);
/* leg can send again. */
void pump_writable(struct worker *w, struct session *s, struct leg *leg);
/* A session that stopped for fairness has its turn. */
void pump_turn(struct worker *w, struct session *s);

#endif
