/*
 * event: what a leg's readiness means, by the state of its session.
 *
 * Why: a net below knows which leg can be read or written, not why anybody wanted to know.
 * Owner: the session's worker, in its loop.
 */
#ifndef PENSTOCK_CORE_EVENT_H
#define PENSTOCK_CORE_EVENT_H

#include "dataplane/core/worker.h"

void event_readable(struct worker *w, struct session *s, struct leg *leg);
void event_writable(struct worker *w, struct session *s, struct leg *leg);

#endif
