/*
 * wrap: private keys encrypted under the key-encryption key (KEK), and back.
 *
 * Why: mgmt stores keys and must not be able to read them; a store that was stolen is worth nothing
 * without the KEK, which only the launcher and the keyring have.
 * Owner: the KEK sits in the secure heap, is set once and only read from then on, by the loop and
 * the vault's worker alike. Never: tells a wrong KEK from a changed byte (nobody can).
 *
 * A wrapped key: magic (8 bytes with the version), SHA-256 of the SubjectPublicKeyInfo (32), nonce
 * (12, random), then AES-256-GCM of the PKCS#8 DER and its tag (16). Magic and hash are the
 * additional data, and the key that comes out must have that hash.
 */
#ifndef PENSTOCK_KEYRING_WRAP_H
#define PENSTOCK_KEYRING_WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>
#include "dataplane/base/err.h"

#define KEK_SIZE      32
#define WRAP_NONCE    12
#define WRAP_TAG      16
#define WRAP_OVERHEAD (8 + 32 + WRAP_NONCE + WRAP_TAG)
#define WRAP_KEK      (8 + WRAP_NONCE + KEK_SIZE + WRAP_TAG)

struct kek;

/*
 * Read the KEK out of a sealed memfd of exactly KEK_SIZE bytes; fd stays the caller's. 0 with *out,
 * -EPERM (not sealed), -EINVAL (another size, or all zero), -ENOMEM.
 */
int kek_read(int fd, struct kek **out);
/* The same of plain bytes, which are wiped. NULL: out of memory. */
struct kek *kek_take(uint8_t bytes[KEK_SIZE]);
void kek_free(struct kek *k);

/*
 * A key-encryption key under another: magic (8), nonce (12), AES-256-GCM, tag (16).
 * WRAP_KEK bytes. 0, or -errno with *e as of wrap_seal() and wrap_open().
 */
int wrap_seal_kek(const struct kek *kek, const struct kek *inner, uint8_t out[WRAP_KEK],
                  struct err *e);
int wrap_open_kek(const struct kek *kek, const uint8_t *p, size_t n, struct kek **out,
                  struct err *e);

/* Do these bytes claim to be a wrapped key? */
bool wrap_is(const uint8_t *p, size_t n);
/*
 * Encrypt a key into out (*n bytes of room; gets the length). 0 or -errno with *e: -ENOKEY (kek is
 * NULL), -EMSGSIZE (no room), -EIO.
 */
int wrap_seal(const struct kek *kek, const EVP_PKEY *key, uint8_t *out, size_t *n, struct err *e);
/*
 * Decrypt. 0 with *out, the caller's to free, or -errno with *e: -ENOKEY (kek is NULL),
 * -EKEYREJECTED (another KEK, or changed), -ENOMEM. where is for *e.
 */
int wrap_open(const struct kek *kek, const uint8_t *p, size_t n, const char *where, EVP_PKEY **out,
              struct err *e);

/*
 * The SubjectPublicKeyInfo of a key as DER, to be freed with OPENSSL_free(). Bytes, or -EIO.
 */
int wrap_spki(const EVP_PKEY *key, unsigned char **der);

#endif
