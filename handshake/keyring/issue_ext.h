/*
 * issue_ext: the extensions of an issued certificate, by its role.
 *
 * Why: what a certificate may be used for is one table. Owner: private to issue.
 * Never: leaves basicConstraints or keyUsage out, or uncritical.
 */
#ifndef PENSTOCK_KEYRING_ISSUE_EXT_H
#define PENSTOCK_KEYRING_ISSUE_EXT_H

#include <openssl/x509v3.h>
#include "dataplane/wire/vault.h"

/*
 * Add them to x, which has its subject and key; issuer is x itself for a root. sans may be NULL.
 * 0 or -EIO.
 */
int issue_extensions(X509 *x, X509 *issuer, const struct vault_issue *m, GENERAL_NAMES *sans);

#endif
