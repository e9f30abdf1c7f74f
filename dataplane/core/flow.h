/*
 * flow: a session's life, step by step (S1 to S12 in DESIGN.md).
 *
 * Why: the order admission, handshake, verdict, dial, inner handshake, pump is written once, for
 * every engine and for both kinds of net below. Owner: the session's worker. Never: lets a byte of
 * a leg through before that leg is keyed.
 */
#ifndef PENSTOCK_CORE_FLOW_H
#define PENSTOCK_CORE_FLOW_H

#include "dataplane/core/worker.h"
#include "dataplane/wire/handoff.h"

/* S1. A connection arrived at a listener. Takes fd in any case. */
/* A stream of penstock-mgmt's (taken) for an internal link of this name. */
void flow_called(struct worker *w, const char *link, int fd);
void flow_accepted(struct worker *w, unsigned listener, int fd, const struct addr *peer,
                   const struct addr *local);
/* The inbound PROXY header was read (source already set in leg and session). */
void flow_admitted(struct session *s);
/* S2. n bytes of whole records lie at the start of the leg's stash. */
void flow_records(struct session *s, struct leg *leg, size_t n);

/* Answers of the handshake process. */
void flow_link(struct worker *w, const struct handoff_link *m);
void flow_step(struct worker *w, const struct handoff_step *m);
void flow_keyed(struct worker *w, struct handoff_keyed *m); /* takes the keys out of m */
void flow_failed(struct worker *w, const struct handoff_failed *m);
/* The last handshake bytes of a leg with keyed_wait left. */
void flow_install(struct session *s, struct leg *leg);

/* S9. The dial of s->target ended: err 0 (the inner leg has its descriptor) or -errno. */
void flow_dialled(struct session *s, int err);
void flow_dial_timeout(struct session *s);

/* A new revision: take the session along, or end it when its link is gone or is another kind now.
 */
void flow_regate(struct session *s);
/* Once a second: ends a session whose peer was denied or whose certificate ran out. */
void flow_check_peer(struct session *s);

#endif
