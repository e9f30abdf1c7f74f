#include "mgmt/model/token.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS  "abcdefghijklmnopqrstuvwxyz234567" /* RFC 4648 */
#define BYTES   (TOKEN_SEED + TOKEN_PIN)
#define LETTERS ((BYTES * 8 + 4) / 5)
#define GROUP   4
#define KEY     32 /* of Ed25519 */
#define SERIAL  16
#define FROM    "20200101000000Z" /* the word's own life ends with its use */
#define UNTIL   "20991231235959Z"

void token_text(const struct token *t, char out[TOKEN_TEXT])
{
    uint8_t bytes[BYTES + 1] = {0};
    size_t used = 0;

    memcpy(bytes, t->seed, TOKEN_SEED);
    memcpy(bytes + TOKEN_SEED, t->pin, TOKEN_PIN);
    for (size_t i = 0; i < LETTERS; i++) {
        size_t bit = i * 5;
        unsigned two = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];

        if (i && i % GROUP == 0)
            out[used++] = '-';
        out[used++] = DIGITS[two >> (11 - bit % 8) & 31];
    }
    out[used] = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
}

int token_parse(const char *text, struct token *t)
{
    uint8_t bytes[BYTES + 1] = {0};
    size_t n = 0;

    for (; *text; text++) {
        const char *at = strchr(DIGITS, tolower((unsigned char)*text));
        size_t bit = n * 5;
        unsigned two;

        if (*text == '-' || isspace((unsigned char)*text))
            continue;
        if (!at || n == LETTERS)
            return -EINVAL;
        two = (unsigned)(at - DIGITS) << (11 - bit % 8);
        bytes[bit / 8] |= (uint8_t)(two >> 8);
        bytes[bit / 8 + 1] |= (uint8_t)two;
        n++;
    }
    if (n != LETTERS || bytes[BYTES])
        return -EINVAL;
    memcpy(t->seed, bytes, TOKEN_SEED);
    memcpy(t->pin, bytes + TOKEN_SEED, TOKEN_PIN);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return 0;
}

static bool derive(const struct token *t, const char *info, uint8_t *out, size_t n)
{
    OSSL_PARAM p[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)t->seed,
                                          TOKEN_SEED),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info,
                                          strlen(info)),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    bool good = ctx && EVP_KDF_derive(ctx, out, n, p) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return good;
}

static EVP_PKEY *key_of(const struct token *t, const char *info)
{
    uint8_t bytes[KEY];
    EVP_PKEY *key = NULL;

    if (derive(t, info, bytes, sizeof bytes))
        key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, bytes, sizeof bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return key;
}

static bool extend(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509_EXTENSION *ext;
    X509V3_CTX ctx;
    bool good;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    good = ext && X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return good;
}

static bool name(X509_NAME *n, const char *cn)
{
    return X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
                                      0) == 1;
}

static bool number(const struct token *t, X509 *x, const char *info)
{
    uint8_t bytes[SERIAL];
    BIGNUM *n;
    bool good;

    if (!derive(t, info, bytes, sizeof bytes))
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    n = BN_bin2bn(bytes, sizeof bytes, NULL);
    good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return good;
}

/* One of the two; `by` is NULL for the CA itself. */
static X509 *certificate(const struct token *t, EVP_PKEY *key, X509 *by, EVP_PKEY *by_key)
{
    const char *cn = by ? "Penstock bootstrap" : "Penstock bootstrap CA";
    X509 *x = X509_new(), *issuer = by ? by : x;
    bool good = x && X509_set_version(x, X509_VERSION_3) == 1 && number(t, x, cn) &&
                name(X509_get_subject_name(x), cn) &&
                X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1 &&
                ASN1_TIME_set_string_X509(X509_getm_notBefore(x), FROM) == 1 &&
                ASN1_TIME_set_string_X509(X509_getm_notAfter(x), UNTIL) == 1 &&
                X509_set_pubkey(x, key) == 1;

    good = good &&
           extend(x, issuer, NID_basic_constraints,
                  by ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0") &&
           extend(x, issuer, NID_key_usage,
                  by ? "critical,digitalSignature" : "critical,keyCertSign") &&
           extend(x, issuer, NID_subject_key_identifier, "hash") &&
           extend(x, issuer, NID_authority_key_identifier, "keyid:always") &&
           (!by || extend(x, issuer, NID_ext_key_usage, "clientAuth"));
    if (good && X509_sign(x, by ? by_key : key, NULL) > 0)
        return x;
    X509_free(x);
    return NULL;
}

int token_identity(const struct token *t, struct token_identity *out)
{
    EVP_PKEY *ca_key = key_of(t, "penstock bootstrap ca"),
             *key = key_of(t, "penstock bootstrap client");
    struct token_identity id = {.key = key};

    if (ca_key && key)
        id.ca = certificate(t, ca_key, NULL, NULL);
    if (id.ca)
        id.leaf = certificate(t, key, id.ca, ca_key);
    EVP_PKEY_free(ca_key);
    ERR_clear_error();
    if (id.leaf) {
        *out = id;
        return 0;
    }
    token_identity_fini(&id);
    return -EIO;
}

void token_identity_fini(struct token_identity *id)
{
    EVP_PKEY_free(id->key);
    X509_free(id->leaf);
    X509_free(id->ca);
    *id = (struct token_identity){0};
}
