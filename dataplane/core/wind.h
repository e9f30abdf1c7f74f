/*
 * wind: the end of a session: last words, resets, and the wait for what is still in flight.
 *
 * Why: which peer hears an alert, which a reset and which a plain FIN is decided once, for every
 * net below. Owner: the session's worker. Never: frees a session with an operation in flight.
 */
#ifndef PENSTOCK_CORE_WIND_H
#define PENSTOCK_CORE_WIND_H

#include "dataplane/core/worker.h"

/* The session is CLOSING: say last words where a leg has some, reset or close the rest. */
void wind_down(struct worker *w, struct session *s);
/* CLOSING took long enough. */
void wind_cut(struct worker *w, struct session *s);
/* A lingering leg has bytes: read and forget them. */
void wind_discard(struct worker *w, struct session *s, struct leg *leg);
/* The session is in DRAINING: it is buried at the round's end once nothing is in flight. */
void wind_reap(struct worker *w, struct session *s);

#endif
