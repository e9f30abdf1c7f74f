/*
 * authority: the management link's own trust, when the configuration leaves it to the gateway.
 *
 *   "management": {"listen": {"address": ["192.0.2.1:9443"]}}        neither "tls" nor "access"
 *
 * Why: whoever sets up a gateway has no CA for its management yet. Then the gateway makes one: a CA
 * key, a server certificate, and a list of administrators whose certificates the CA issued. Before
 * the first of them, and after a recovery, a one-time token (model/token.h) lets one enroll.
 * The list is no part of a revision: rolling back brings nobody back, and locks nobody out. For the
 * model the document is filled in (authority_fill()) with an identity, a trust and access rules.
 * Owner: the manager. What is kept is one JSON object, in the store and as authority.json:
 *   ca, server   {"key": "spki:...", "certificate": "sha256:..."}; names: of the server
 *   administrators   [{"name", "roles", "spki_sha256", "certificate", "not_after"}]
 *   owned        there is or was an administrator; a new appliance's drive counts no more
 *   token        the open one's text, or null; spent: it was used, its rule goes next
 * Never: has a private key; lets a token be used twice.
 */
#ifndef PENSTOCK_MGMT_AUTHORITY_H
#define PENSTOCK_MGMT_AUTHORITY_H

#include <jansson.h>
#include <stdbool.h>
#include "dataplane/base/err.h"
#include "mgmt/model/compile.h"

#define AUTHORITY_NAME      MODEL_OWN_TRUST      /* of the filled-in identity and trust */
#define AUTHORITY_MEMBER    "penstock.authority" /* of a document that is to be resumed */
#define AUTHORITY_ADMINS    256
#define AUTHORITY_NAMES     16  /* under which the server is reached */
#define AUTHORITY_LIFE_DAYS 397 /* of a certificate; the CA's is twenty years */

struct manager;

/* What was kept before, if anything. */
void authority_load(struct manager *m);
/* Does the document leave the management link's identity to the gateway? */
bool authority_is_asked(const json_t *document);
/* And its trust too? Else the administrators are in the document. */
bool authority_lets_in(const json_t *document);
/*
 * What the state has to be for this document: a new reference. base: a change of it that is to run,
 * or NULL: what is kept. Makes what is missing (CA, server certificate, the first token); of what
 * is kept that counts at once, as nothing of it can do harm alone, but for the token: that opens
 * with the revision that runs. NULL with *e.
 */
json_t *authority_state(struct manager *m, const json_t *base, const json_t *document,
                        struct err *e);
/* The document as the model gets it; a new reference. NULL with *e. */
json_t *authority_fill(const json_t *state, const json_t *document, struct err *e);
/* Has a state that was kept elsewhere (a backup) the form of one? */
bool authority_is_sound(const json_t *state);
/* When administrators' certificates end, for alarms. */
void authority_dates(const json_t *state, struct compiled *c);
/* A revision with this state runs. */
void authority_adopt(struct manager *m, json_t *state);
/* Take away the rule of a token that was used; renew the server's certificate in time. */
void authority_tick(struct manager *m, int64_t now_s);

/* ---- changes: each gives a new state, or NULL with *e; the one that runs stays as it is ---- */

/*
 * Issue an administrator's certificate for a request (PKCS#10, PEM). reached_as: a name of the
 * server that its certificate must have from now on, or NULL. *pem: the certificate (free()).
 */
json_t *authority_enroll(struct manager *m, const char *name, const json_t *roles, const char *csr,
                         const char *reached_as, char **pem, struct err *e);
/* Without an administrator (e: -ENOENT: there is none of that name). */
json_t *authority_remove(struct manager *m, const char *name, struct err *e);
/* With a new token, or without one. */
json_t *authority_open(struct manager *m, bool open, struct err *e);
/* Mark the token as used. */
void authority_spend(json_t *state);

/* The CA's certificate as PEM (free()), or NULL. */
char *authority_ca_pem(const struct manager *m);
/* SHA-256 of the server's SubjectPublicKeyInfo, as hex (borrowed), or "". */
const char *authority_fingerprint(const struct manager *m);

#endif
