/* parts: what the pieces of verify share. Private to verify, path, status, names, rules, facts. */
#ifndef PENSTOCK_HANDSHAKE_PARTS_H
#define PENSTOCK_HANDSHAKE_PARTS_H

#include "handshake/trust.h"
#include "handshake/verify.h"

#define CHAIN_CERTS_MAX 8
#define PATH_DEPTH_MAX  4 /* intermediates and anchor above the leaf */
#define SANS_MAX        100

/* Add a reason; formats the text. Always returns false, for `return deny(...)`. */
bool deny(struct verdict *v, enum reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The path part. *path gets the verified path (leaf first, anchor last), counted for the caller. */
bool path_verify(const struct verify_side *side, STACK_OF(X509) * presented, struct verdict *v,
                 STACK_OF(X509) * *path);
/* The status part: dates, revocation. Fills until and not_after. */
bool status_verify(const struct verify_side *side, STACK_OF(X509) * path, int64_t now,
                   struct verdict *v);
/* Peer rules: true with v->rule set. */
bool rules_allow(const struct policy_tls *t, STACK_OF(X509) * path, struct verdict *v);

/* Names of the leaf: form and wildcards. */
bool names_check(X509 *leaf, enum leg_side side, struct verdict *v);
/* Does a SAN of the leaf match the server's name (DNS name or IP literal)? */
bool names_match_server(X509 *leaf, const char *server_name);

/* A short name of a certificate for texts: CN or first SAN, printable. */
const char *cert_label(X509 *x, char out[96]);
/* Key type and size by the list; fills a name such as "RSA2048". False: not allowed. */
bool key_allowed(EVP_PKEY *key, char name[24]);
int64_t asn1_time(const ASN1_TIME *t); /* seconds since 1970; INT64_MIN when it does not parse */

#endif
