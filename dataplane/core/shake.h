/*
 * shake: the bytes of a leg before it is keyed.
 *
 * Why: until the keys are installed not one byte too many may leave a socket, or the kernel could
 * not take over. Owner: the session's worker. Never: gives the handshake process a partial record.
 */
#ifndef PENSTOCK_CORE_SHAKE_H
#define PENSTOCK_CORE_SHAKE_H

#include "dataplane/core/worker.h"

/* Read what comes next: an inbound PROXY header in ADMITTED, else records. */
void shake_read(struct worker *w, struct session *s, struct leg *leg);
/* After an answer: use what was read already, else wait for more; the peer only now has our part.
 */
void shake_more(struct worker *w, struct session *s, struct leg *leg);
int shake_send(struct worker *w, struct session *s, struct leg *leg, const uint8_t *data, size_t n);
/* The socket has room for parked handshake bytes. */
void shake_writable(struct worker *w, struct session *s, struct leg *leg);

#endif
