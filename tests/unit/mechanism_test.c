/* mechanism: does a token's signature become one that TLS takes, and only then? */
#include "handshake/token/mechanism.h"

#include <errno.h>
#include <openssl/ecdsa.h>

#include "dataplane/base/check.h"
#include "tests/unit/hex.h"
#include "tests/unit/keyring_keys.h"
#include "tests/unit/test.h"

static int convert(const char *raw, uint8_t *out, size_t cap)
{
    uint8_t bytes[256];
    size_t n = unhex(raw, bytes, sizeof(bytes));

    return mechanism_ecdsa_der(bytes, n, out, cap);
}

TEST("r and s become DER integers: without leading zeros, with one where they would be negative")
{
    static const struct {
        const char *raw, *der;
    } rows[] = {
        {"0102", "3006020101020102"},
        {"0001007f", "300602010102017f"},
        {"80ff", "300802020080020200ff"},
        {"00800001", "30070202008002"
                     "0101"},
        {"ffffffff", "300a02"
                     "0300ffff"
                     "02"
                     "0300ffff"},
    };
    uint8_t out[256];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int n = convert(rows[i].raw, out, sizeof(out));

        EXPECT(n > 0 && hex_equal(out, (size_t)n, rows[i].der));
    }
}

TEST("the longest and the shortest of each curve are what OpenSSL makes of the same numbers")
{
    static const size_t sizes[] = {32, 48, 66};
    uint8_t raw[132], out[160];

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (unsigned zeros = 0; zeros < sizes[i]; zeros++) {
            const unsigned char *p = out;
            ECDSA_SIG *sig;
            int n;

            memset(raw, 0xe5, sizeof(raw));
            memset(raw, 0, zeros);
            memset(raw + sizes[i], 0, zeros / 2);
            n = mechanism_ecdsa_der(raw, 2 * sizes[i], out, sizeof(out));
            sig = n > 0 ? d2i_ECDSA_SIG(NULL, &p, n) : NULL;
            EXPECT(sig && p == out + n);
            if (sig) {
                unsigned char back[132];

                BN_bn2binpad(ECDSA_SIG_get0_r(sig), back, (int)sizes[i]);
                BN_bn2binpad(ECDSA_SIG_get0_s(sig), back + sizes[i], (int)sizes[i]);
                EXPECT(!memcmp(back, raw, 2 * sizes[i]));
            }
            ECDSA_SIG_free(sig);
        }
    }
}

TEST("what is no pair of numbers, or does not fit, is refused")
{
    uint8_t out[256], long_one[134] = {1};

    EXPECT(convert("", out, sizeof(out)) == -EINVAL);
    EXPECT(convert("010203", out, sizeof(out)) == -EINVAL);
    EXPECT(convert("0001", out, sizeof(out)) == -EINVAL);
    EXPECT(convert("0100", out, sizeof(out)) == -EINVAL);
    EXPECT(mechanism_ecdsa_der(long_one, sizeof(long_one), out, sizeof(out)) == -EINVAL);
    EXPECT(convert("0102", out, 7) == -ENOSPC);
    EXPECT(convert("0102", out, 8) == 8);
}

/* A module of one key, which the test has in clear: C_SignInit and C_Sign as the standard says. */
static struct {
    EVP_PKEY *key;
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
    CK_RV rv;
} card;

static CK_RV card_init(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    (void)session;
    (void)key;
    card.mechanism = *m;
    if (m->mechanism == CKM_RSA_PKCS_PSS)
        memcpy(&card.pss, m->pParameter, sizeof(card.pss));
    return card.rv;
}

static const char *digest_of(CK_ULONG n)
{
    return n == 32 ? "SHA256" : n == 48 ? "SHA384" : "SHA512";
}

/* The raw operations of a token, by OpenSSL. */
static CK_RV card_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n, CK_BYTE *out,
                       CK_ULONG *n_out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(card.key, NULL);
    bool good = EVP_PKEY_sign_init(ctx) > 0;
    uint8_t der[256];
    size_t n_der = sizeof(der), n_sig = *n_out;

    (void)session;
    if (card.mechanism.mechanism == CKM_ECDSA) {
        const unsigned char *p = der;
        int half = EVP_PKEY_get_bits(card.key) / 8;
        ECDSA_SIG *sig;

        good = good && EVP_PKEY_sign(ctx, der, &n_der, data, n) > 0;
        sig = good ? d2i_ECDSA_SIG(NULL, &p, (long)n_der) : NULL;
        good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, half) == half &&
               BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, half) == half;
        n_sig = 2 * (size_t)half;
        ECDSA_SIG_free(sig);
    } else if (card.mechanism.mechanism == CKM_EDDSA) {
        EVP_MD_CTX *md = EVP_MD_CTX_new();

        good = EVP_DigestSignInit(md, NULL, NULL, NULL, card.key) > 0 &&
               EVP_DigestSign(md, out, &n_sig, data, n) > 0;
        EVP_MD_CTX_free(md);
    } else if (card.mechanism.mechanism == CKM_RSA_PKCS_PSS) {
        good = good && card.pss.sLen == n &&
               EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
               EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(digest_of(n))) > 0 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)card.pss.sLen) > 0 &&
               EVP_PKEY_sign(ctx, out, &n_sig, data, n) > 0;
    } else { /* CKM_RSA_PKCS pads, and nothing else */
        good = good && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0 &&
               EVP_PKEY_sign(ctx, out, &n_sig, data, n) > 0;
    }
    EVP_PKEY_CTX_free(ctx);
    *n_out = n_sig;
    return good ? CKR_OK : CKR_FUNCTION_FAILED;
}

TEST("under every scheme of every kind a raw signature becomes one that verifies")
{
    static const enum key_kind kinds[] = {KEY_P256, KEY_P384, KEY_ED25519, KEY_RSA};
    static const uint16_t schemes[] = {0x0403, 0x0503, 0x0807, 0x0804, 0x0805,
                                       0x0806, 0x0401, 0x0501, 0x0601};
    CK_FUNCTION_LIST call = {.C_SignInit = card_init, .C_Sign = card_sign};
    static const uint8_t text[] = "what TLS signs";
    unsigned signatures = 0;

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        card.key = make_key(kinds[k]);
        card.rv = CKR_OK;
        for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
            const struct sign_scheme *s = sign_find(kinds[k], schemes[i]);
            uint8_t out[MECHANISM_SIGNATURE_MAX];
            size_t n = sizeof(out);

            if (!s)
                continue;
            signatures++;
            EXPECT(mechanism_sign(&call, 1, 1, kinds[k], s, text, sizeof(text), out, &n) == CKR_OK);
            EXPECT(sign_verifies(s, card.key, text, sizeof(text), out, n));
            EXPECT(!sign_verifies(s, card.key, text, sizeof(text) - 1, out, n));
            n = 8;
            EXPECT(mechanism_sign(&call, 1, 1, kinds[k], s, text, sizeof(text), out, &n) != CKR_OK);
        }
        EVP_PKEY_free(card.key);
    }
    EXPECT(signatures == 2 + 2 + 1 + 6);
}

TEST("what the token says is passed on, and kinds that no token is asked for are refused")
{
    CK_FUNCTION_LIST call = {.C_SignInit = card_init, .C_Sign = card_sign};
    uint8_t out[MECHANISM_SIGNATURE_MAX];
    size_t n = sizeof(out);
    CK_KEY_TYPE type;

    card.rv = CKR_DEVICE_REMOVED;
    EXPECT(mechanism_sign(&call, 1, 1, KEY_P256, sign_find(KEY_P256, 0), out, 1, out, &n) ==
           CKR_DEVICE_REMOVED);
    EXPECT(mechanism_sign(&call, 1, 1, KEY_MLDSA65, sign_find(KEY_MLDSA65, 0), out, 1, out, &n) ==
           CKR_MECHANISM_INVALID);
    EXPECT(mechanism_key_type(KEY_RSA_PSS, &type) == -ENOTSUP);
    EXPECT(!strcmp(module_error(CKR_DEVICE_REMOVED), "CKR_DEVICE_REMOVED"));
    EXPECT(!strcmp(module_error(0x80000001), "CKR 0x80000001"));
}

int main(void)
{
    return test_run();
}
