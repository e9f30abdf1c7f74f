/*
 * csr: requests for a certificate (PKCS#10, RFC 2986).
 *
 * Why: a request is signed with a private key, so it is built where the key is, out of names and
 * nothing else: whoever asks can not have another text signed.
 * Owner: the vault's worker. Never: signs a CertificationRequestInfo that came from outside.
 */
#ifndef PENSTOCK_KEYRING_CSR_H
#define PENSTOCK_KEYRING_CSR_H

#include <openssl/x509.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/vault.h"
#include "handshake/keyring/sign.h"

/*
 * Make and sign a request for this key. Returns the length of *der, to be freed with
 * OPENSSL_free(), or -errno with *e: -EINVAL (a name), -EKEYREJECTED, -ENOMEM, -EIO.
 */
int csr_make(EVP_PKEY *key, const struct vault_names *names, unsigned char **der, struct err *e);
/* The digest that a key of this kind signs certificates and requests with; NULL: its own. */
const EVP_MD *csr_digest(enum key_kind kind);

#endif
