/*
 * The signatures above the leaf: each is computed once.
 *
 * Partners come in many, their issuers in few. That this certificate was issued and signed by that
 * one does not change, whoever presents it, so a pair that OpenSSL found good within a good path is
 * remembered, and of the next path above the same issuers only the leaf's signature is computed.
 * Everything else of a path is judged anew; whatever is not known good, and whatever fails, is
 * OpenSSL's own to judge.
 */
#include <openssl/err.h>
#include "handshake/parts.h"

static int pair_digest(STACK_OF(X509) * path, int i, uint8_t out[32])
{
    STACK_OF(X509) *pair = sk_X509_new_null();
    int rc = -1;

    if (pair && sk_X509_push(pair, sk_X509_value(path, i)) > 0 &&
        sk_X509_push(pair, sk_X509_value(path, i + 1)) > 0)
        rc = chain_digest(pair, "issued by", 9, out);
    sk_X509_free(pair);
    return rc;
}

static bool all_known(const struct trust *t, STACK_OF(X509) * path)
{
    uint8_t digest[32];

    for (int i = 1; i + 1 < sk_X509_num(path); i++)
        if (pair_digest(path, i, digest) || !path_cache_has_pair(t->cache, digest))
            return false;
    return sk_X509_num(path) > 2;
}

static bool leaf_good(STACK_OF(X509) * path)
{
    X509 *leaf = sk_X509_value(path, 0), *issuer = sk_X509_value(path, 1);
    EVP_PKEY *key = X509_get0_pubkey(issuer);

    return X509_check_issued(issuer, leaf) == X509_V_OK && key && X509_verify(leaf, key) == 1;
}

/* In the place of OpenSSL's pass over all signatures of a path that is built and checked. */
static int check_signatures(X509_STORE_CTX *ctx)
{
    struct issuers *s = X509_STORE_CTX_get_app_data(ctx);
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);

    if (all_known(s->trust, path) && leaf_good(path))
        return 1;
    s->asked = true;
    return s->openssl(ctx); /* it tells what is wrong, too */
}

void issuers_attach(struct issuers *s, const struct trust *t, X509_STORE_CTX *ctx)
{
    *s = (struct issuers){.trust = t, .openssl = X509_STORE_CTX_get_verify(ctx)};
    if (s->openssl && X509_STORE_CTX_set_app_data(ctx, s) == 1)
        X509_STORE_CTX_set_verify(ctx, check_signatures);
}

void issuers_learn(const struct issuers *s, STACK_OF(X509) * path)
{
    uint8_t digest[32];

    for (int i = 1; s->asked && i + 1 < sk_X509_num(path); i++)
        if (!pair_digest(path, i, digest))
            path_cache_add_pair(s->trust->cache, digest);
}
