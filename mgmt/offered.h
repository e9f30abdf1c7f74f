/*
 * offered: what TLS each profile of a revision really offers, and which link sides use it.
 *
 * Why: an inventory of protocols and ciphers has to name those that are in force, the built-in
 * profile's and those that this machine's OpenSSL lacks included, not what the file happens to say.
 * Owner: pure; the value is the caller's.
 */
#ifndef PENSTOCK_MGMT_OFFERED_H
#define PENSTOCK_MGMT_OFFERED_H

#include <jansson.h>
#include "dataplane/wire/policy.h"

/* {NAME: {"versions", "suites", "groups", "signature_algorithms", "used_by"}}. NULL: no memory. */
json_t *offered_json(const struct policy *p);

#endif
