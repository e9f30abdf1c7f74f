/*
 * import: a private key, and the certificates beside it, out of a file that an operator gave.
 *
 * Why: PEM (plain or encrypted) and PKCS#12 are opened here, where keys may be in clear, and
 * nowhere else.
 * Owner: the vault's worker. Never: works longer than a bound on a passphrase, whatever number of
 * rounds the file asks for (see kdfcost); takes one of several keys; takes a key unproved.
 */
#ifndef PENSTOCK_KEYRING_IMPORT_H
#define PENSTOCK_KEYRING_IMPORT_H

#include <openssl/x509.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/vault.h"
#include "handshake/keyring/sign.h"

/* What a file holds. */
struct imported {
    EVP_PKEY *key;
    X509 *certs[VAULT_DERS_MAX];
    unsigned n_certs;
};

/*
 * Read a PEM or PKCS#12 file. 0: *out is the caller's, to be ended with imported_fini(): the key,
 * and the certificates, its own first and each one's issuer behind it as far as they are there; the
 * rest follows. -errno with *e: -EFBIG, -ENOKEY (no key in it), -EACCES (a passphrase is wanted, or
 * another one), -ENOTSUP (an algorithm that only OpenSSL's legacy provider has), -E2BIG (too many
 * rounds, certificates or keys), -EBADMSG (damaged), -EKEYREJECTED (kind, size, no pair).
 */
int import_read(const uint8_t *file, size_t n, const struct vault_bytes *passphrase,
                struct imported *out, struct err *e);
void imported_fini(struct imported *m);
/* Is the private half the public one's? 0, or -EKEYREJECTED with *e. */
int import_prove(EVP_PKEY *key, enum key_kind kind, struct err *e);

/* For the readers of the two forms: each takes what it is given, also on failure. */
int imported_add_key(struct imported *m, EVP_PKEY *key, struct err *e);
int imported_add_cert(struct imported *m, X509 *cert, struct err *e);
int import_wrong_passphrase(const struct vault_bytes *passphrase, struct err *e);

#endif
