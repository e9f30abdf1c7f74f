/*
 * hello: which link a ClientHello is for.
 *
 * Why: links that share an address are told apart by the server name; the choice is made before an
 * SSL of any link exists, so that nothing of one link's settings can linger in another's handshake.
 * Owner: pure functions over a conn. Never: falls back: no match is an alert.
 */
#ifndef PENSTOCK_HANDSHAKE_HELLO_H
#define PENSTOCK_HANDSHAKE_HELLO_H

#include <openssl/ssl.h>
#include "dataplane/wire/policy.h"

#define HELLO_MAX (16 * 1024) /* of a ClientHello: a real one has 2 KiB at most */

/* Copy the name lower-cased into out[256]. 0, -ENOENT (no such extension), -EINVAL (malformed). */
int hello_server_name(SSL *ssl, char out[256]);
/* True if `name` ("" when the client sent none) is one that the link takes. */
bool hello_link_takes(const struct policy_link *l, const char *name);
/* The index of the link on this listener for a name, or -1: exact names first, then wildcards, then
 * a link without names. */
int hello_choose(const struct policy *p, uint16_t listener, const char *name);
/* False if supported_versions is malformed: OpenSSL would call that a version it does not have. */
bool hello_versions_whole(SSL *ssl);
/* True if a TLS 1.2 handshake would come of this hello without extended master secret (RFC 7627).
 * Where no version is common it is not: that is told as what it is. */
bool hello_lacks_ems(SSL *ssl, bool we_have_12, bool we_have_13);
/* The same of a ServerHello: a whole handshake message of n bytes, header included. */
bool hello_server_lacks_ems(const uint8_t *message, size_t n);

/* The length that the first handshake message announces, from records as they come. */
struct hello_length {
    uint8_t header[4];
    unsigned n; /* of header */
};

/* Look at one whole record. False: the message will be larger than HELLO_MAX. */
bool hello_fits(struct hello_length *l, const uint8_t *record, size_t n);

#endif
