/* Chains as bytes: read within limits, and their digests. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "handshake/hmac.h"
#include "handshake/parts.h"

/* One certificate off the buffer. NULL with *why. */
static X509 *take_one(struct buf *b, enum reason *why)
{
    size_t n = 0;
    const uint8_t *der = buf_get_blob(b, CHAIN_DER_MAX, &n);
    const unsigned char *at = der;
    X509 *x = der && n ? d2i_X509(NULL, &at, (long)n) : NULL;
    char key[24];

    if (!x || at != der + n) {
        *why = REASON_CHAIN;
    } else if (!cert_key_allowed(x, key)) {
        *why = REASON_KEY_TYPE;
    } else {
        return x;
    }
    X509_free(x);
    return NULL;
}

STACK_OF(X509) * chain_parse(const uint8_t *chain, size_t n, enum reason *why)
{
    STACK_OF(X509) * out;
    bool ok = true;
    struct buf b;

    *why = n > CHAIN_DER_MAX ? REASON_CHAIN_LIMIT : REASON_NO_CERTIFICATE;
    if (n == 0 || n > CHAIN_DER_MAX)
        return NULL;
    out = sk_X509_new_null();
    buf_init_read(&b, chain, n);
    *why = REASON_INTERNAL;
    while (out && ok && buf_left(&b) > 0) {
        X509 *x = NULL;

        if (sk_X509_num(out) == CHAIN_CERTS_MAX)
            *why = REASON_CHAIN_LIMIT;
        else
            x = take_one(&b, why);
        ok = x && sk_X509_push(out, x) > 0;
        if (!ok)
            X509_free(x);
    }
    if (out && ok) {
        *why = REASON_NONE;
        return out;
    }
    sk_X509_pop_free(out, X509_free);
    ERR_clear_error();
    return NULL;
}

/* Looked up once where handshakes are made; elsewhere OpenSSL finds it each time. */
static const EVP_MD *sha256(void)
{
    const struct hmac_hash *h = hmac_hash("SHA2-256");

    return h ? h->md : EVP_sha256();
}

static bool digest_add(EVP_MD_CTX *ctx, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    bool ok = n > 0 && EVP_DigestUpdate(ctx, der, (size_t)n) == 1;

    OPENSSL_free(der);
    return ok;
}

int chain_digest(STACK_OF(X509) * chain, const void *first, size_t n, uint8_t out[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, sha256(), NULL) == 1 &&
              (n == 0 || EVP_DigestUpdate(ctx, first, n) == 1);

    for (int i = 0; ok && i < sk_X509_num(chain); i++)
        ok = digest_add(ctx, sk_X509_value(chain, i));
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -ENOMEM;
}

int cert_digest(X509 *x, uint8_t out[32])
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok ? 0 : -EINVAL;
}

int spki_digest(X509 *x, uint8_t out[32])
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok ? 0 : -EINVAL;
}
