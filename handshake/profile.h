/*
 * profile: the SSL_CTX of one side of one link.
 *
 * Why: every setting that decides who gets in is made here, once, when a revision is prepared; an
 * SSL is born from its link's context and nothing is copied over later. Owner: the revision. Never:
 * a ticket, a cached session, renegotiation, early data, compression.
 */
#ifndef PENSTOCK_HANDSHAKE_PROFILE_H
#define PENSTOCK_HANDSHAKE_PROFILE_H

#include <openssl/ssl.h>
#include "handshake/revision.h"

/* Build the context. 0 with *out, or -errno with *e (where is a JSON pointer). */
int profile_context(const struct revision *r, const struct policy_link *l, enum leg_side side,
                    SSL_CTX **out, struct err *e);
/* Does this OpenSSL know every word of the profile? 0, or -EINVAL with *e. */
int profile_check(const struct policy_profile *p, struct err *e);

#endif
