/*
 * rules: which verified certificates a side accepts.
 *
 * Why: a chain that verifies only says who somebody is; the peer rules say who may come. A rule's
 * conditions must all hold, any value of each. Owner: a subject borrows the path and the side.
 * Never: allows by an empty list, an empty rule or an empty condition.
 */
#ifndef PENSTOCK_HANDSHAKE_RULES_H
#define PENSTOCK_HANDSHAKE_RULES_H

#include <openssl/x509v3.h>
#include "handshake/verify.h"

enum subject_hex { SUBJECT_CERT, SUBJECT_SPKI, SUBJECT_ISSUER, SUBJECT_SERIAL, SUBJECT_HEXES };

/* What rules look at, worked out once however many rules there are. */
struct subject {
    X509 *leaf, *issuer;         /* issuer: of the verified path; NULL: none */
    GENERAL_NAMES *sans;         /* NULL: none */
    const char *server_name;     /* where a wildcard SAN stands for it, else NULL */
    char hex[SUBJECT_HEXES][65]; /* "" until asked for */
};

/* path: leaf first. 0 or -EINVAL (SANs that can not be read). */
int subject_init(struct subject *s, const struct verify_side *side, STACK_OF(X509) * path);
void subject_clear(struct subject *s);

/* The index of the first rule that matches, or -ENOENT. Safe with any pattern. */
int rules_match(const struct policy_tls *t, struct subject *s);
/* The same as a part of verify: true with v->rule set, else a reason is added. */
bool rules_allow(const struct verify_side *side, STACK_OF(X509) * path, struct verdict *v);

#endif
