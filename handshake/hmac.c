#include "handshake/hmac.h"

#include <errno.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"

#define INNER 0x36
#define OUTER 0x5c

/* The digests are set once at start. */
static struct hmac_hash hashes[HMAC_HASHES] = {
    {0, {"SHA2-256", "SHA256", "SHA-256"}, 32, 64, NULL},
    {1, {"SHA2-384", "SHA384", "SHA-384"}, 48, 128, NULL},
};

int hmac_start(void)
{
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        if (!hashes[i].md)
            hashes[i].md = EVP_MD_fetch(NULL, hashes[i].names[0], NULL);
        if (!hashes[i].md)
            return -ENOTSUP;
    }
    return 0;
}

const struct hmac_hash *hmac_row(unsigned i)
{
    return &hashes[i];
}

const struct hmac_hash *hmac_hash(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        for (size_t k = 0; k < ARRAY_LEN(hashes[i].names); k++)
            if (!strcmp(name, hashes[i].names[k]))
                return hashes[i].md ? &hashes[i] : NULL;
    return NULL;
}

int hmac_init(struct hmac *h, const struct hmac_hash *hash)
{
    memset(h, 0, sizeof *h);
    h->hash = hash;
    h->md = EVP_MD_CTX_new();
    return h->md ? 0 : -ENOMEM;
}

/* OpenSSL wipes what it frees of a digest. */
void hmac_fini(struct hmac *h)
{
    EVP_MD_CTX_free(h->md);
    secret_wipe(h, sizeof *h);
}

int hmac_key(struct hmac *h, const uint8_t *key, size_t n)
{
    const struct hmac_hash *hash = h->hash;
    uint8_t inner[HMAC_BLOCK_MAX] = {0};
    bool good = true;

    if (n > hash->block)
        good = EVP_Digest(key, n, inner, NULL, hash->md, NULL) == 1;
    else if (n)
        memcpy(inner, key, n);
    for (size_t i = 0; i < HMAC_BLOCK_MAX; i++)
        h->pad[i] = inner[i] ^ OUTER;
    for (size_t i = 0; i < HMAC_BLOCK_MAX; i++)
        inner[i] ^= INNER;
    good = good && EVP_DigestInit_ex(h->md, hash->md, NULL) == 1 &&
           EVP_DigestUpdate(h->md, inner, hash->block) == 1;
    secret_wipe(inner, sizeof inner);
    return good ? 0 : -EIO;
}

int hmac_add(struct hmac *h, const void *data, size_t n)
{
    return n == 0 || EVP_DigestUpdate(h->md, data, n) == 1 ? 0 : -EIO;
}

int hmac_end(struct hmac *h, uint8_t out[HMAC_SIZE_MAX])
{
    uint8_t inner[EVP_MAX_MD_SIZE];
    bool good = EVP_DigestFinal_ex(h->md, inner, NULL) == 1 &&
                EVP_DigestInit_ex(h->md, h->hash->md, NULL) == 1 &&
                EVP_DigestUpdate(h->md, h->pad, h->hash->block) == 1 &&
                EVP_DigestUpdate(h->md, inner, h->hash->size) == 1 &&
                EVP_DigestFinal_ex(h->md, inner, NULL) == 1;

    if (good)
        memcpy(out, inner, h->hash->size);
    secret_wipe(inner, sizeof inner);
    return good ? 0 : -EIO;
}
