/* Keys of every kind, good for a certificate or not. */
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include "tests/unit/pki.h"

/* A public key from numbers alone. */
static EVP_PKEY *key_of_numbers(const char *type, const char *const names[], BIGNUM *const values[],
                                const char *text, const char *text_value)
{
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params;

    for (int i = 0; names[i]; i++)
        MUST(OSSL_PARAM_BLD_push_BN(b, names[i], values[i]));
    if (text)
        MUST(OSSL_PARAM_BLD_push_utf8_string(b, text, text_value, 0));
    params = OSSL_PARAM_BLD_to_param(b);
    MUST(ctx && params && EVP_PKEY_fromdata_init(ctx) == 1 &&
         EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static BIGNUM *odd_number(int bits)
{
    BIGNUM *n = BN_new();

    MUST(n && BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD));
    return n;
}

static EVP_PKEY *rsa_public(int bits, unsigned long e)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, NULL};
    BIGNUM *values[] = {odd_number(bits), BN_new()};
    EVP_PKEY *key;

    MUST(BN_set_word(values[1], e));
    key = key_of_numbers("RSA", names, values, NULL, NULL);
    BN_free(values[0]);
    BN_free(values[1]);
    return key;
}

static EVP_PKEY *dsa_public(void)
{
    static const char *const names[] = {OSSL_PKEY_PARAM_FFC_P, OSSL_PKEY_PARAM_FFC_Q,
                                        OSSL_PKEY_PARAM_FFC_G, OSSL_PKEY_PARAM_PUB_KEY, NULL};
    BIGNUM *values[] = {odd_number(2048), odd_number(256), odd_number(2047), odd_number(2046)};
    EVP_PKEY *key = key_of_numbers("DSA", names, values, NULL, NULL);

    for (int i = 0; i < 4; i++)
        BN_free(values[i]);
    return key;
}

static EVP_PKEY *ec_explicit(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    MUST(key && EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                               OSSL_PKEY_EC_ENCODING_EXPLICIT) == 1);
    return key;
}

bool pki_has(enum pki_key kind)
{
    EVP_KEYMGMT *m;

    if (kind != KEY_ML_DSA_65)
        return true;
    m = EVP_KEYMGMT_fetch(NULL, "ML-DSA-65", NULL);
    EVP_KEYMGMT_free(m);
    ERR_clear_error();
    return m != NULL;
}

EVP_PKEY *pki_new_key(enum pki_key kind)
{
    static EVP_PKEY *slow[KEY_COUNT]; /* RSA keys are made once */
    EVP_PKEY **slot = &slow[kind];

    switch (kind) {
    case KEY_P256:
        return pki_keep(EVP_EC_gen("P-256"));
    case KEY_P384:
        return pki_keep(EVP_EC_gen("P-384"));
    case KEY_P521:
        return pki_keep(EVP_EC_gen("P-521"));
    case KEY_ED25519:
        return pki_keep(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    case KEY_ML_DSA_65:
        return pki_keep(EVP_PKEY_Q_keygen(NULL, NULL, "ML-DSA-65"));
    case KEY_DSA:
        return pki_keep(dsa_public());
    case KEY_EXPLICIT:
        return pki_keep(ec_explicit());
    case KEY_RSA8192:
        return pki_keep(rsa_public(8192, 65537));
    case KEY_RSA_E3:
        return pki_keep(rsa_public(2048, 3));
    default:
        if (!*slot)
            *slot = pki_keep(EVP_RSA_gen(kind == KEY_RSA1024   ? 1024u
                                         : kind == KEY_RSA2048 ? 2048u
                                                               : 4096u));
        return *slot;
    }
}
