/*
 * subject: the names in a certificate, or in a request for one, from an operator's words.
 *
 * Why: CSR and ISSUE name their subject alike, and what is written there is what peers believe:
 * each value is checked against its own form first. Owner: what is made is the caller's. Never:
 * takes a value that would be read differently by someone else (a NUL, a control character, a name
 * that is no name).
 */
#ifndef PENSTOCK_KEYRING_SUBJECT_H
#define PENSTOCK_KEYRING_SUBJECT_H

#include <openssl/x509v3.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/vault.h"

/*
 * Fill a name with the subject (left empty when there is none). 0, -EINVAL with *e ("subject/3"),
 * -ENOMEM.
 */
int subject_name(const struct vault_names *names, X509_NAME *to, struct err *e);
/*
 * The alternative names; *out is NULL when there are none. 0, -EINVAL with *e ("sans/0"), -ENOMEM.
 */
int subject_sans(const struct vault_names *names, GENERAL_NAMES **out, struct err *e);

#endif
