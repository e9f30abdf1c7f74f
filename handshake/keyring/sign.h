/*
 * sign: makes a signature with one key under one TLS SignatureScheme.
 *
 * Why: one table says which scheme fits which kind of key in which version; what is not in it can
 * not be signed. Prepared contexts are kept with the key, so that a signature looks nothing up.
 * Owner: struct signer belongs to its key. Never: signs content that was not checked, but for
 * sign_prove(), whose text is its own.
 */
#ifndef PENSTOCK_KEYRING_SIGN_H
#define PENSTOCK_KEYRING_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/evp.h>
#include "handshake/keyring/content.h"

enum key_kind {
    KEY_RSA,
    KEY_RSA_PSS,
    KEY_P256,
    KEY_P384,
    KEY_ED25519,
    KEY_MLDSA44,
    KEY_MLDSA65,
    KEY_MLDSA87,
    KEY_KINDS
};

#define SIGN_SCHEMES_MAX 6 /* of one kind of key */

/* How one scheme signs. */
struct sign_scheme {
    uint16_t id;        /* IANA TLS SignatureScheme */
    uint8_t versions;   /* private to sign.c */
    const char *digest; /* NULL: the algorithm has its own */
    bool pss;
};

struct signer {
    enum key_kind kind;
    EVP_PKEY *pkey; /* owned */
    EVP_MD_CTX *prepared[SIGN_SCHEMES_MAX];
    EVP_MD_CTX *work;
};

/* Take pkey (also on failure). 0 or -ENOMEM. */
int signer_init(struct signer *s, enum key_kind kind, EVP_PKEY *pkey);
void signer_fini(struct signer *s); /* also of a zeroed one */
/*
 * Check content for an identity with these uses, and sign it under a SignatureScheme into out (*n
 * bytes of room; gets the length). 0, or -EPERM (content, role or scheme does not fit), -EIO
 * (OpenSSL failed), -ENOMEM.
 */
int sign_content(struct signer *s, uint8_t uses, uint16_t scheme, const uint8_t *content,
                 size_t n_content, uint8_t *out, size_t *n);
/* The first half of sign_content() alone, for a key that is elsewhere: 0 or -EPERM. */
int sign_judge(enum key_kind kind, uint8_t uses, uint16_t scheme, const uint8_t *content,
               size_t n_content);
/* How a key of this kind signs under a scheme; NULL: it does not. Scheme 0: its first. */
const struct sign_scheme *sign_find(enum key_kind kind, uint16_t scheme);
/* Was the text signed with the key of which this is the public half? */
bool sign_verifies(const struct sign_scheme *scheme, EVP_PKEY *public, const uint8_t *text,
                   size_t n_text, const uint8_t *signature, size_t n);
/* Sign a text of our own and verify it with `public`: 0, or -EKEYREJECTED: they are no pair. */
int sign_prove(struct signer *s, EVP_PKEY *public);

#endif
