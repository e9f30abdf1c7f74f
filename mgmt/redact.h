/*
 * redact: a text or a JSON value without what may be a secret in it.
 *
 * Why: no log line, document or audit row should hold one, and what is sent to others must not even
 * if one does. Better too much than too little: "password=", "pin=" and their like lose their
 * values wherever they stand, URLs their users, PEM its private keys, members named so everything.
 * Owner: pure. Never: adds length beyond one mark for each.
 */
#ifndef PENSTOCK_MGMT_REDACT_H
#define PENSTOCK_MGMT_REDACT_H

#include <jansson.h>

/* A copy (free()), or NULL: out of memory. also: a word that must not be in it, or NULL. */
char *redact_text(const char *text, const char *also);
/* In place, names of members and all that is below. */
void redact_json(json_t *value, const char *also);

#endif
