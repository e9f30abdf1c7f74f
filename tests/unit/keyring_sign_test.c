/* sign: does each scheme make the signature that a TLS peer verifies, and none that does not fit?
 */
#include "tests/unit/test.h"

#include <errno.h>

#include "dataplane/base/check.h"
#include "dataplane/wire/keywire.h"
#include "tests/unit/keyring_content.h"
#include "tests/unit/keyring_keys.h"

#define ALL (POLICY_USE_SERVER | POLICY_USE_CLIENT | POLICY_USE_TLS12 | POLICY_USE_TLS13)

enum { V12 = 1, V13 = 2 };

static const struct fit {
    enum key_kind kind;
    uint16_t scheme;
    int versions;
    const char *digest;
    int salt; /* of PSS; 0: not PSS */
} fits[] = {
    {KEY_RSA, 0x0804, V12 | V13, "SHA256", 32},
    {KEY_RSA, 0x0805, V12 | V13, "SHA384", 48},
    {KEY_RSA, 0x0806, V12 | V13, "SHA512", 64},
    {KEY_RSA, 0x0401, V12, "SHA256", 0},
    {KEY_RSA, 0x0501, V12, "SHA384", 0},
    {KEY_RSA, 0x0601, V12, "SHA512", 0},
    {KEY_RSA_PSS, 0x0809, V12 | V13, "SHA256", 32},
    {KEY_RSA_PSS, 0x080a, V12 | V13, "SHA384", 48},
    {KEY_RSA_PSS, 0x080b, V12 | V13, "SHA512", 64},
    {KEY_P256, 0x0403, V12 | V13, "SHA256", 0},
    {KEY_P256, 0x0503, V12, "SHA384", 0},
    {KEY_P384, 0x0503, V12 | V13, "SHA384", 0},
    {KEY_P384, 0x0403, V12, "SHA256", 0},
    {KEY_ED25519, 0x0807, V12 | V13, NULL, 0},
    {KEY_MLDSA44, 0x0904, V13, NULL, 0},
    {KEY_MLDSA65, 0x0905, V13, NULL, 0},
    {KEY_MLDSA87, 0x0906, V13, NULL, 0},
};

static const struct fit *find(enum key_kind kind, unsigned scheme)
{
    for (size_t i = 0; i < ARRAY_LEN(fits); i++) {
        if (fits[i].kind == kind && fits[i].scheme == scheme)
            return &fits[i];
    }
    return NULL;
}

/* One signer of each kind for all cases: RSA keys take long to make. */
static struct signer *signer(enum key_kind kind)
{
    static struct signer made[KEY_KINDS];
    static bool tried[KEY_KINDS];

    if (!tried[kind]) {
        EVP_PKEY *pkey = make_key(kind);

        tried[kind] = true;
        if (pkey)
            EXPECT(signer_init(&made[kind], kind, pkey) == 0);
    }
    return made[kind].pkey ? &made[kind] : NULL;
}

static bool verifies(const struct fit *f, EVP_PKEY *pkey, const uint8_t *text, size_t n_text,
                     const uint8_t *signature, size_t n)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx;
    bool good = EVP_DigestVerifyInit_ex(md, &ctx, f->digest, NULL, NULL, pkey, NULL) > 0;

    if (good && f->salt)
        good = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, f->salt) > 0;
    good = good && EVP_DigestVerify(md, signature, n, text, n_text) == 1;
    EVP_MD_CTX_free(md);
    return good;
}

static void expect_all(enum key_kind kind, int version, const uint8_t *content, size_t n_content)
{
    struct signer *s = signer(kind);

    for (unsigned scheme = 0; s && scheme <= 0xffff; scheme++) {
        const struct fit *f = find(kind, scheme);
        uint8_t out[KEYWIRE_SIGNATURE_MAX];
        size_t n = sizeof(out);
        int rc = sign_content(s, ALL, (uint16_t)scheme, content, n_content, out, &n);

        if (!f || !(f->versions & version)) {
            EXPECT(rc == -EPERM);
            continue;
        }
        EXPECT(rc == 0);
        EXPECT(!rc && verifies(f, s->pkey, content, n_content, out, n));
        out[n - 1] ^= 1;
        EXPECT(!rc && !verifies(f, s->pkey, content, n_content, out, n));
    }
}

TEST("of all 65536 schemes a key signs TLS 1.3 content with those of its kind only, and verifiably")
{
    uint8_t c[CONTENT_ROOM];
    size_t n = make_tls13(c, true, 48);

    for (int kind = 0; kind < KEY_KINDS; kind++)
        expect_all((enum key_kind)kind, V13, c, n);
}

TEST("the same holds for a TLS 1.2 ServerKeyExchange, where PKCS#1 is allowed and ML-DSA is not")
{
    uint8_t c[CONTENT_ROOM];
    size_t n = make_key_exchange(c, 0x1d, 32);

    for (int kind = 0; kind < KEY_KINDS; kind++)
        expect_all((enum key_kind)kind, V12, c, n);
}

TEST("a TLS 1.2 client's transcript is signed")
{
    static const uint8_t full[] = {1, 2, 11, 12, 13, 14, 11, 16};
    uint8_t c[CONTENT_ROOM];
    size_t n = make_transcript(c, full, sizeof(full));

    expect_all(KEY_P256, V12, c, n);
    expect_all(KEY_RSA, V12, c, n);
}

TEST("content of no known form is refused under every scheme of the key")
{
    uint8_t out[KEYWIRE_SIGNATURE_MAX], c[CONTENT_ROOM] = {0};

    for (size_t i = 0; i < ARRAY_LEN(fits); i++) {
        struct signer *s = signer(fits[i].kind);
        size_t n = sizeof(out);

        if (s)
            EXPECT(sign_content(s, ALL, fits[i].scheme, c, 32, out, &n) == -EPERM);
    }
}

TEST("content of a role that the identity is not used for is refused")
{
    uint8_t out[KEYWIRE_SIGNATURE_MAX], c[CONTENT_ROOM];
    size_t n = sizeof(out), n_content = make_tls13(c, false, 32);
    struct signer *s = signer(KEY_P256);

    EXPECT(sign_content(s, POLICY_USE_SERVER | POLICY_USE_TLS13, 0x0403, c, n_content, out, &n) ==
           -EPERM);
    n = sizeof(out);
    EXPECT(sign_content(s, POLICY_USE_CLIENT | POLICY_USE_TLS13, 0x0403, c, n_content, out, &n) ==
           0);
}

TEST("too little room for a signature is an error, and the next one is good again")
{
    uint8_t out[KEYWIRE_SIGNATURE_MAX], c[CONTENT_ROOM];
    size_t n = 16, n_content = make_tls13(c, true, 32);
    struct signer *s = signer(KEY_RSA);

    EXPECT(sign_content(s, ALL, 0x0804, c, n_content, out, &n) == -EIO);
    n = sizeof(out);
    EXPECT(sign_content(s, ALL, 0x0804, c, n_content, out, &n) == 0);
    EXPECT(verifies(find(KEY_RSA, 0x0804), s->pkey, c, n_content, out, n));
}

TEST("a key proves to belong to its own public key and to no other")
{
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        struct signer *s = signer((enum key_kind)kind);
        EVP_PKEY *other;

        if (!s)
            continue;
        other = make_key((enum key_kind)kind);
        EXPECT(sign_prove(s, s->pkey) == 0);
        EXPECT(sign_prove(s, other) == -EKEYREJECTED);
        EVP_PKEY_free(other);
    }
}

int main(void)
{
    int rc = test_run();

    for (int kind = 0; kind < KEY_KINDS; kind++) {
        if (signer((enum key_kind)kind))
            signer_fini(signer((enum key_kind)kind));
    }
    return rc;
}
