/*
 * keyfile: one private key out of a key file's descriptor: PEM, or as wrap encrypted it.
 *
 * Why: reading, decoding and judging a key is one step with one error text, and the bytes in
 * between are wiped on every way out.
 * Owner: the caller gets the key. Never: asks for a pass phrase; takes a key that the gateway
 * refuses in peers.
 */
#ifndef PENSTOCK_KEYRING_KEYFILE_H
#define PENSTOCK_KEYRING_KEYFILE_H

#include <openssl/evp.h>
#include "dataplane/base/err.h"
#include "handshake/keyring/sign.h"
#include "handshake/keyring/wrap.h"

#define KEYFILE_MAX    (64 * 1024)
#define KEYFILE_DIGEST 32

/*
 * Read the first private key of the file fd: PEM with PKCS#8, or an RSA or EC key in its own
 * format, or a wrapped key, which kek opens (NULL: there is none). fd stays the caller's, its
 * offset untouched. 0 with *out (the caller's to free) and *kind, or -errno with *e: -EFBIG,
 * -ENOKEY (no key in it, or no KEK), -EACCES (encrypted with a pass phrase), -EKEYREJECTED (kind,
 * size or KEK),
 * ... where is the JSON pointer for *e.
 */
int keyfile_read(int fd, const struct kek *kek, const char *where, EVP_PKEY **out,
                 enum key_kind *kind, struct err *e);
/* What tells a file, for a certificate's public key, from any other. 0 or -EIO. */
int keyfile_digest(int fd, const uint8_t *spki, size_t n_spki, uint8_t digest[KEYFILE_DIGEST]);
/* The kind of a key, public or private. 0, or -EKEYREJECTED with *e. */
int keyfile_judge(const EVP_PKEY *pkey, const char *where, enum key_kind *kind, struct err *e);
/* The key of a PEM label's DER, in the forms above; NULL: none, or it can not be decoded. */
EVP_PKEY *keyfile_decode(const char *label, const uint8_t *der, size_t n);
/* The same of PKCS#8. */
EVP_PKEY *keyfile_pkcs8(const uint8_t *der, size_t n);
/* Do the two halves of a key belong together? They need not, in a file. 0, -EKEYREJECTED or
 * -ENOMEM.
 */
int keyfile_prove(EVP_PKEY *pkey, enum key_kind kind, EVP_PKEY *public);

#endif
