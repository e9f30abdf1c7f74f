/* Does OpenSSL find what a handshake here needs, and nothing that it can not use? */
#include "handshake/provide.h"

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/suite.h"
#include "handshake/algs.h"
#include "tests/unit/test.h"

static OSSL_LIB_CTX *elsewhere; /* with all that OpenSSL has */

static void start(void)
{
    if (elsewhere)
        return;
    check(provide_init() == 0);
    elsewhere = OSSL_LIB_CTX_new();
    check(elsewhere && OSSL_PROVIDER_load(elsewhere, "default"));
}

/* A certificate with such a key, read as a stranger's is. NULL: this OpenSSL makes no such key. */
static X509 *certificate(const char *type, const char *group)
{
    EVP_PKEY *key = group ? EVP_PKEY_Q_keygen(elsewhere, NULL, type, group)
                          : EVP_PKEY_Q_keygen(elsewhere, NULL, type, (size_t)2048);
    X509 *x = X509_new_ex(elsewhere, NULL), *back = NULL;
    unsigned char *der = NULL;
    const unsigned char *at;
    int n;

    if (key) {
        check(X509_set_pubkey(x, key) == 1 && X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
              X509_gmtime_adj(X509_getm_notAfter(x), 60) &&
              X509_sign(x, key, strncmp(type, "ED", 2) ? EVP_sha256() : NULL) > 0);
        n = i2d_X509(x, &der);
        at = der;
        back = d2i_X509(NULL, &at, n);
        check(back);
    }
    OPENSSL_free(der);
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return back;
}

TEST("keys of the allowed types are read from a certificate")
{
    static const char *const types[][2] = {
        {"EC", "P-256"}, {"EC", "P-384"}, {"RSA", NULL}, {"ED25519", NULL}};
    char name[24];

    start();
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        X509 *x = certificate(types[i][0], types[i][1]);

        EXPECT(x && cert_key_allowed(x, name));
        X509_free(x);
    }
}

TEST("a key of a type that is never allowed meets no parser, and is called by its name")
{
    char name[24];
    X509 *x;

    start();
    x = certificate("ED448", NULL);
    EXPECT(x && !X509_get0_pubkey(x));
    EXPECT(!cert_key_allowed(x, name) && !strcmp(name, "ED448"));
    X509_free(x);
    ERR_clear_error();
}

TEST("no algorithm is listed that neither a handshake nor a certificate can use")
{
    static const char *const ciphers[] = {"AES-256-CBC", "AES-128-ECB", "CAMELLIA-256-CBC", "NULL"};

    start();
    for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
        EVP_CIPHER *c = EVP_CIPHER_fetch(elsewhere, ciphers[i], NULL);

        EXPECT(c && !EVP_CIPHER_fetch(NULL, ciphers[i], NULL));
        EVP_CIPHER_free(c);
    }
    EXPECT(!EVP_MD_fetch(NULL, "MD5", NULL) && !EVP_KEYMGMT_fetch(NULL, "DSA", NULL));
    ERR_clear_error();
}

TEST("no decoder of private keys is listed")
{
    static const char private[] = "input=der,structure=PrivateKeyInfo";
    OSSL_DECODER *d;

    start();
    d = OSSL_DECODER_fetch(elsewhere, "EC", private);
    EXPECT(d && !OSSL_DECODER_fetch(NULL, "EC", private));
    OSSL_DECODER_free(d);
    ERR_clear_error();
}

TEST("every suite and the usual groups can be had")
{
    SSL_CTX *ctx;

    start();
    ctx = SSL_CTX_new(TLS_method());
    EXPECT(ctx);
    for (size_t i = 0; suite_at(i); i++) {
        const struct suite *s = suite_at(i);

        EXPECT((s->version == TLS13 ? SSL_CTX_set_ciphersuites
                                    : SSL_CTX_set_cipher_list)(ctx, s->openssl_name) == 1);
        EXPECT(sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(ctx)) > 0);
    }
    EXPECT(SSL_CTX_set1_groups_list(ctx, (char *)(uintptr_t) "X25519:X448:P-256:P-384:P-521") == 1);
    SSL_CTX_free(ctx);
}

int main(void)
{
    return test_run();
}
