/*
 * suite: the table of cipher suites that Penstock speaks, one const row each.
 *
 * Why: sizes, hashes and the ids that other systems use for a suite stand in one place; nothing
 * switches over suites elsewhere.
 * Sources: RFC 8446 B.4, RFC 5289, RFC 7905; linux/tls.h for the kTLS numbers.
 */
#ifndef PENSTOCK_WIRE_SUITE_H
#define PENSTOCK_WIRE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS12 0x0303
#define TLS13 0x0304

#define SUITE_KEY_MAX    32
#define SUITE_IV_MAX     12
#define SUITE_TAG        16 /* bytes, every suite here */
#define SUITE_SECRET_MAX 48

enum aead {
    AEAD_AES_128_GCM,
    AEAD_AES_256_GCM,
    AEAD_CHACHA20_POLY1305,
};

struct suite {
    uint16_t id;              /* IANA */
    uint16_t version;         /* TLS12 or TLS13 */
    const char *name;         /* IANA name: "TLS_AES_256_GCM_SHA384" */
    const char *openssl_name; /* OpenSSL's name: "ECDHE-RSA-AES256-GCM-SHA384" */
    enum aead aead;
    uint8_t key_len, iv_len; /* bytes of write key and of the implicit part of the nonce: 12, or
                                4 for TLS 1.2 GCM, whose other 8 travel in each record */
    uint8_t explicit_len;    /* 8 for TLS 1.2 GCM, else 0 */
    uint8_t hash_len;        /* 32 (SHA-256) or 48 (SHA-384): the traffic secret's size too */
    const char *hash;        /* OpenSSL digest name: "SHA256" */
    uint16_t ktls_cipher;    /* 51 AES-128-GCM, 52 AES-256-GCM, 54 ChaCha20-Poly1305 */
};

/* The row for an id, or NULL. */
const struct suite *suite_by_id(uint16_t id);
/* The row for an IANA or OpenSSL name (exact), or NULL. */
const struct suite *suite_by_name(const char *name);
/* Walk: the i-th row, NULL at the end. TLS 1.3 rows first, in order of preference. */
const struct suite *suite_at(size_t i);

#endif
