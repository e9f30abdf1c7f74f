/*
 * once: POSTs with an Idempotency-Key are done once (draft-ietf-httpapi-idempotency-key-header).
 *
 * Why: whoever did not hear the answer may ask again without doing it again: the answer that was
 * given is given again, after a restart too, for a day. The key is the caller's and the path's own.
 * Owner: the call. Never: keeps an answer that says "try again", or one with a secret.
 */
#ifndef PENSTOCK_MGMT_API_ONCE_H
#define PENSTOCK_MGMT_API_ONCE_H

#include "mgmt/api/call.h"

/* Look before the request is done. True: it is answered (again, 409, 422 or 400). */
bool once_answered(struct call *c);
/* The answer is complete: keep it, if a key was given. */
void once_keep(struct call *c);

#endif
