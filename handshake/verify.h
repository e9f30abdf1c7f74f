/*
 * verify: (chain, side, policy, time) -> verdict. Pure: no clock, no I/O, no state but caches that
 * never change an answer.
 *
 * Why: the same function answers the handshake, the re-judging of live peers and "explain", so they
 * can not disagree. Two parts: the path (signatures, names, keys: does not change with time,
 * cached) and the status (dates, CRLs, peer rules). Owner: trust objects belong to a revision; a
 * verdict is plain data. Never: accepts on an error path: `allow` is set in one place, after every
 * check passed.
 */
#ifndef PENSTOCK_HANDSHAKE_VERIFY_H
#define PENSTOCK_HANDSHAKE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <openssl/x509.h>
#include "dataplane/wire/crl.h"
#include "dataplane/wire/facts.h"
#include "dataplane/wire/handoff.h"
#include "dataplane/wire/policy.h"
#include "dataplane/wire/reason.h"

/* Anchors and CRLs of one policy_trust, parsed once and shared by every link that names it. */
struct trust;

/*
 * Parse anchors; `crls` are mapped views that must outlive the trust. 0 with *out, -EINVAL with *e
 * naming what is wrong (an anchor that does not parse, a CRL signed by a wrong key where its issuer
 * is an anchor), -ENOMEM.
 */
int trust_new(const struct policy_trust *p, const struct crl_view *crls, size_t n_crls,
              struct trust **out, struct err *e);
void trust_free(struct trust *t); /* NULL is harmless */
/* Take over what was learnt of paths under a trust of an earlier revision, if the anchors are the
 * same; else nothing happens. Saves the signatures when live peers are judged again. */
void trust_inherit(struct trust *t, const struct trust *old);

/* One side of one link, as a verdict needs it. */
struct verify_side {
    const struct trust *trust;
    const struct policy_tls *tls; /* rules, server_name */
    enum leg_side side;           /* LEG_OUTER: the peer is a client; LEG_INNER: a server */
};

#define VERDICT_REASONS 8

struct verdict {
    bool allow;
    uint16_t rule;     /* the rule that allowed, when allow */
    int64_t until;     /* when allow: see peer_facts.until */
    int64_t not_after; /* the leaf's, when it could be read */
    uint8_t n_reasons; /* when denied: at least one, most important first */
    struct {
        enum reason reason;
        int x509_error;              /* X509_V_ERR_* whose TLS alert fits */
        char text[HANDOFF_TEXT_MAX]; /* which certificate, what, and what would be right */
    } reasons[VERDICT_REASONS];
};

/*
 * Judge a presented chain (leaf first, at least the leaf) at wall-clock time `now`.
 * Fills *v always. When allowed and path is not NULL, *path gets the verified path (leaf first,
 * anchor last, to be freed by the caller with sk_X509_pop_free(X509_free)).
 */
void verify(const struct verify_side *side, STACK_OF(X509) * presented, int64_t now,
            struct verdict *v, STACK_OF(X509) * *path);

/* Parse a handoff chain (each DER with a u32 length before it) within the limits of bytes, count
 * and key sizes. NULL when malformed or over a limit (*why says which). */
STACK_OF(X509) * chain_parse(const uint8_t *chain, size_t n, enum reason *why);

/* What the rest of the system wants to know of a verified peer. 0 or -EINVAL. */
int facts_from_chain(STACK_OF(X509) * presented, const struct verdict *v, struct peer_facts *f);
/* The leaf's display name alone (peer_facts.name rule), for refusals. Always terminated. */
void facts_name(X509 *leaf, char out[256]);

/* The TLS alert number (RFC 8446 6.2) that OpenSSL sends for an X509_V_ERR is set by returning it
 * from the verify callback; this gives the X509_V_ERR for a reason. */
int reason_x509_error(enum reason r);

#endif
