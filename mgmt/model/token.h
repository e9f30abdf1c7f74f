/*
 * token: the one-time word with which a first administrator comes in.
 *
 *   seed (16 bytes), the beginning of SHA-256 of the server's SubjectPublicKeyInfo (16 bytes), as
 *   base32 in groups of four
 *
 * Why: even the first request is mTLS in both directions, and strangers never reach an HTTP parser.
 * From the seed both ends derive the same throw-away CA and client certificate (HKDF-SHA-256 to
 * Ed25519 keys, RFC 5869 and 8032; fixed names and dates; the signatures are deterministic), and
 * the rest of the word tells the client which server it means. Owner: the caller;
 * token_identity_fini() it. Never: is logged; has less than 128 bits of secret.
 */
#ifndef PENSTOCK_MGMT_MODEL_TOKEN_H
#define PENSTOCK_MGMT_MODEL_TOKEN_H

#include <openssl/x509.h>
#include <stdint.h>

#define TOKEN_SEED 16
#define TOKEN_PIN  16
#define TOKEN_TEXT 72 /* characters, the NUL with them */

struct token {
    uint8_t seed[TOKEN_SEED], pin[TOKEN_PIN];
};

struct token_identity {
    EVP_PKEY *key; /* of leaf */
    X509 *leaf, *ca;
};

void token_text(const struct token *t, char out[TOKEN_TEXT]);
/* Hyphens, blanks and the case of letters do not matter. 0 or -EINVAL. */
int token_parse(const char *text, struct token *t);
/* 0 or -EIO. */
int token_identity(const struct token *t, struct token_identity *out);
void token_identity_fini(struct token_identity *id);

#endif
