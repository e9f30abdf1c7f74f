#include "handshake/keyring/sign.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "dataplane/base/check.h"
#include "dataplane/wire/keywire.h"

enum { IN_12 = 1, IN_13 = 2 };

/*
 * By kind of key. TLS 1.3 ties a curve to its hash and bars PKCS#1 v1.5 (RFC 8446 4.2.3); in
 * TLS 1.2 an ECDSA key signs with either hash, whatever its curve (RFC 5246 7.4.1.4.1).
 */
static const struct sign_scheme schemes[KEY_KINDS][SIGN_SCHEMES_MAX] = {
    [KEY_RSA] = {{0x0804, IN_12 | IN_13, "SHA256", true},
                 {0x0805, IN_12 | IN_13, "SHA384", true},
                 {0x0806, IN_12 | IN_13, "SHA512", true},
                 {0x0401, IN_12, "SHA256", false},
                 {0x0501, IN_12, "SHA384", false},
                 {0x0601, IN_12, "SHA512", false}},
    [KEY_RSA_PSS] = {{0x0809, IN_12 | IN_13, "SHA256", true},
                     {0x080a, IN_12 | IN_13, "SHA384", true},
                     {0x080b, IN_12 | IN_13, "SHA512", true}},
    [KEY_P256] = {{0x0403, IN_12 | IN_13, "SHA256", false}, {0x0503, IN_12, "SHA384", false}},
    [KEY_P384] = {{0x0503, IN_12 | IN_13, "SHA384", false}, {0x0403, IN_12, "SHA256", false}},
    [KEY_ED25519] = {{0x0807, IN_12 | IN_13, NULL, false}},
    [KEY_MLDSA44] = {{0x0904, IN_13, NULL, false}},
    [KEY_MLDSA65] = {{0x0905, IN_13, NULL, false}},
    [KEY_MLDSA87] = {{0x0906, IN_13, NULL, false}},
};

static const uint8_t version_of[] = {[CONTENT_TLS12] = IN_12, [CONTENT_TLS13] = IN_13};

int signer_init(struct signer *s, enum key_kind kind, EVP_PKEY *pkey)
{
    memset(s, 0, sizeof(*s));
    s->kind = kind;
    s->pkey = pkey;
    s->work = EVP_MD_CTX_new();
    if (s->work)
        return 0;
    signer_fini(s);
    return -ENOMEM;
}

void signer_fini(struct signer *s)
{
    for (size_t i = 0; i < SIGN_SCHEMES_MAX; i++)
        EVP_MD_CTX_free(s->prepared[i]);
    EVP_MD_CTX_free(s->work);
    EVP_PKEY_free(s->pkey);
    memset(s, 0, sizeof(*s));
}

/* Salt as long as the digest, the only length that TLS 1.3 takes. */
static bool set_pss(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
}

static EVP_MD_CTX *prepare(const struct sign_scheme *row, EVP_PKEY *pkey)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;

    if (md && EVP_DigestSignInit_ex(md, &ctx, row->digest, NULL, NULL, pkey, NULL) > 0 &&
        (!row->pss || set_pss(ctx)))
        return md;
    EVP_MD_CTX_free(md);
    return NULL;
}

/* One-shot, with a copy of the context that is kept for this scheme. */
static int sign_raw(struct signer *s, size_t i, const uint8_t *text, size_t n_text, uint8_t *out,
                    size_t *n)
{
    int rc = -EIO;

    ERR_clear_error();
    if (!s->prepared[i])
        s->prepared[i] = prepare(&schemes[s->kind][i], s->pkey);
    if (s->prepared[i] && EVP_MD_CTX_copy_ex(s->work, s->prepared[i]) > 0 &&
        EVP_DigestSign(s->work, out, n, text, n_text) > 0)
        rc = 0;
    EVP_MD_CTX_reset(s->work);
    ERR_clear_error();
    return rc;
}

const struct sign_scheme *sign_find(enum key_kind kind, uint16_t scheme)
{
    for (size_t i = 0; i < SIGN_SCHEMES_MAX && schemes[kind][i].id; i++) {
        if (schemes[kind][i].id == scheme || !scheme)
            return &schemes[kind][i];
    }
    return NULL;
}

int sign_judge(enum key_kind key, uint8_t uses, uint16_t scheme, const uint8_t *content,
               size_t n_content)
{
    const struct sign_scheme *row = scheme ? sign_find(key, scheme) : NULL;
    enum content_kind kind;
    int rc = content_check(content, n_content, uses, &kind);

    if (rc)
        return rc;
    return row && (row->versions & version_of[kind]) ? 0 : -EPERM;
}

int sign_content(struct signer *s, uint8_t uses, uint16_t scheme, const uint8_t *content,
                 size_t n_content, uint8_t *out, size_t *n)
{
    int rc = sign_judge(s->kind, uses, scheme, content, n_content);

    return rc ? rc
              : sign_raw(s, (size_t)(sign_find(s->kind, scheme) - schemes[s->kind]), content,
                         n_content, out, n);
}

bool sign_verifies(const struct sign_scheme *row, EVP_PKEY *public, const uint8_t *text,
                   size_t n_text, const uint8_t *signature, size_t n)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = NULL;
    bool good;

    good = md && EVP_DigestVerifyInit_ex(md, &ctx, row->digest, NULL, NULL, public, NULL) > 0 &&
           (!row->pss || set_pss(ctx)) && EVP_DigestVerify(md, signature, n, text, n_text) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

int sign_prove(struct signer *s, EVP_PKEY *public)
{
    static const uint8_t text[] = "penstock keyring: does this key belong to this certificate?";
    uint8_t signature[KEYWIRE_SIGNATURE_MAX];
    bool good = false;

    /* An RSA-PSS key may be bound to one hash: any scheme that works will do. */
    for (size_t i = 0; i < SIGN_SCHEMES_MAX && schemes[s->kind][i].id && !good; i++) {
        size_t n = sizeof(signature);

        good = !sign_raw(s, i, text, sizeof(text), signature, &n) &&
               sign_verifies(&schemes[s->kind][i], public, text, sizeof(text), signature, n);
    }
    ERR_clear_error();
    return good ? 0 : -EKEYREJECTED;
}
