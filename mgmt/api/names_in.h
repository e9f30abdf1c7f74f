/*
 * names_in: the names of a certificate to be, out of a request's JSON.
 *
 *   {"subject": {"C": "DE", "O": "Bank", "CN": "gw"}, "sans": {"dns": ["gw.example"], "uri":
 * [...]}}
 *
 * Why: a request for a certificate and a certificate of our own are asked for alike. Owner: what is
 * read borrows from the JSON. Never: judges a value: the keyring does.
 */
#ifndef PENSTOCK_MGMT_API_NAMES_IN_H
#define PENSTOCK_MGMT_API_NAMES_IN_H

#include <jansson.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/vault.h"

/* 0, or -EINVAL with *e. */
int names_in(const json_t *body, struct vault_names *out, struct err *e);
/* One more alternative name, or attribute of the subject; borrowed. False: no room. */
bool names_in_san(struct vault_names *n, enum vault_san type, const char *value);
bool names_in_subject(struct vault_names *n, enum vault_attribute type, const char *value);

#endif
