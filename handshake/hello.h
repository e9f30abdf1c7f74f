/*
 * hello: which link a ClientHello is for.
 *
 * Why: links that share an address are told apart by the server name; the choice is made before an
 * SSL of any link exists, so that nothing of one link's settings can linger in another's handshake.
 * Owner: pure functions over a conn. Never: falls back: no match is an alert.
 */
#ifndef PENSTOCK_HANDSHAKE_HELLO_H
#define PENSTOCK_HANDSHAKE_HELLO_H

#include "handshake/conn.h"

/* Copy the name lower-cased into out[256]. 0, -ENOENT (no such extension), -EINVAL (malformed). */
int hello_server_name(SSL *ssl, char out[256]);
/* True if `name` ("" when the client sent none) is one that the link takes. */
bool hello_link_takes(const struct policy_link *l, const char *name);
/* The index of the link on this listener for a name, or -1: exact names first, then wildcards, then
 * a link without names. */
int hello_choose(const struct policy *p, uint16_t listener, const char *name);
/* True if a TLS 1.2 handshake would come of this hello without extended master secret (RFC 7627).
 */
bool hello_lacks_ems(SSL *ssl, bool we_have_13);

#endif
