/*
 * hmac: HMAC (RFC 2104) over digests that are looked up once.
 *
 * Why: a TLS 1.3 handshake computes some thirty of them, and OpenSSL looks the digest up by name,
 * under locks, for each. Owner: the digests are the process's; a struct hmac is its caller's, and
 * wiped by hmac_fini(). Never: a digest of its own: the hashing is OpenSSL's.
 */
#ifndef PENSTOCK_HANDSHAKE_HMAC_H
#define PENSTOCK_HANDSHAKE_HMAC_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HMAC_SIZE_MAX  48  /* of a MAC */
#define HMAC_BLOCK_MAX 128 /* of a digest */
#define HMAC_HASHES    2

/* One row for each digest that a suite here can have. */
struct hmac_hash {
    unsigned row;
    const char *names[3]; /* that OpenSSL has for it */
    uint8_t size, block;
    EVP_MD *md;
};

struct hmac {
    const struct hmac_hash *hash;
    EVP_MD_CTX *md;
    uint8_t pad[HMAC_BLOCK_MAX]; /* of the outer hash */
};

/* Look the digests up; once, when OpenSSL has its providers. 0 or -ENOTSUP. */
int hmac_start(void);
/* Row i of HMAC_HASHES, in the order of their sizes. */
const struct hmac_hash *hmac_row(unsigned i);
/* By one of its names. NULL: none that a suite here has. */
const struct hmac_hash *hmac_hash(const char *name);

/* 0 or -ENOMEM; *h needs hmac_fini() in any case. */
int hmac_init(struct hmac *h, const struct hmac_hash *hash);
void hmac_fini(struct hmac *h); /* also of a zeroed one */
/* A key of any length, then data in any pieces, then hash->size bytes. Each 0 or -EIO. */
int hmac_key(struct hmac *h, const uint8_t *key, size_t n);
int hmac_add(struct hmac *h, const void *data, size_t n);
int hmac_end(struct hmac *h, uint8_t out[HMAC_SIZE_MAX]);

#endif
