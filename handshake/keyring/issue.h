/*
 * issue: certificates that the gateway's own management CA issues.
 *
 * Why: the management port is a link with client certificates, and an operator should not need
 * another CA for it. The certificate is built here, field by field, so that a CA key signs nothing
 * that was put together elsewhere.
 * Owner: the vault's worker. Never: issues beyond the CA's own time or path length, for a weak key,
 * or for a key whose owner has not shown that he has it when a request says so.
 */
#ifndef PENSTOCK_KEYRING_ISSUE_H
#define PENSTOCK_KEYRING_ISSUE_H

#include <openssl/x509.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/vault.h"

/*
 * Issue what m says, with the CA's opened key. Returns the length of *der, to be freed with
 * OPENSSL_free(), or -errno with *e: -EINVAL (a name, a date, the serial, no CA certificate, more
 * than the CA may), -EKEYREJECTED (a CA certificate of another key, a weak key, a request whose
 * signature is wrong), -EBADMSG (DER that can not be decoded), -ENOMEM, -EIO.
 */
int issue_make(EVP_PKEY *ca_key, const struct vault_issue *m, unsigned char **der, struct err *e);
/* Does the key belong to the certificate? 0, -EBADMSG, or -EKEYREJECTED with *e. */
int issue_prove(EVP_PKEY *key, const struct vault_bytes *certificate, struct err *e);

#endif
