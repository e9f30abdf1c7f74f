/*
 * renew: identities whose certificates renew themselves (identities.X.renew).
 *
 *   two thirds of the life are over -> a new key of the same kind (vault) -> a request with the
 * same names (vault) -> simplereenroll -> cacerts -> a new revision with key and chain
 *
 * Why: certificates that end are the outage that everybody has had. The connection to the EST
 * server is one of the gateway's own originate links, which authenticates both ends and which
 * nobody else can reach (control.h, CALL): the identity's key never leaves the keyring. Owner: the
 * manager. Never: changes what runs before the new certificate has gone the way of every change
 * (the key proved, the chain, its purpose, its dates); gives up.
 */
#ifndef PENSTOCK_MGMT_RENEW_RENEW_H
#define PENSTOCK_MGMT_RENEW_RENEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"

#define RENEW_LINK "penstock.renew." /* and the identity's name: the link that is filled in */

struct manager;

struct renewal;

/* Does any identity of the document renew itself? */
bool renew_is_asked(const json_t *document);
/* Fill in the links (in place). 0 or -EINVAL with *e. */
int renew_fill(json_t *document, struct err *e);

/* The identities of the running document; call after each revision. */
void renew_follow(struct manager *m);
/* Begin what is due. */
void renew_tick(struct manager *m, int64_t now_s);
/* Renew as soon as possible. False: this identity does not renew itself. */
bool renew_hurry(struct manager *m, const char *identity);
/* [{"identity", "url", "not_after", "last_at", "next_at", "failures", "result"}] */
json_t *renew_json(const struct manager *m);

#endif
