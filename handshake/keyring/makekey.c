#include "handshake/keyring/makekey.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

struct make_row {
    const char *algorithm, *group;
    int bits;
};

static const struct make_row rows[VAULT_KINDS] = {
    [VAULT_EC_P256] = {"EC", "P-256", 0},       [VAULT_EC_P384] = {"EC", "P-384", 0},
    [VAULT_RSA_2048] = {"RSA", NULL, 2048},     [VAULT_RSA_3072] = {"RSA", NULL, 3072},
    [VAULT_RSA_4096] = {"RSA", NULL, 4096},     [VAULT_ED25519] = {"ED25519", NULL, 0},
    [VAULT_ML_DSA_44] = {"ML-DSA-44", NULL, 0}, [VAULT_ML_DSA_65] = {"ML-DSA-65", NULL, 0},
    [VAULT_ML_DSA_87] = {"ML-DSA-87", NULL, 0},
};

/* OpenSSL asks between two candidates for a prime. */
static int go_on(EVP_PKEY_CTX *ctx)
{
    atomic_bool *stop = EVP_PKEY_CTX_get_app_data(ctx);

    return !atomic_load(stop);
}

int makekey(enum vault_kind kind, atomic_bool *stop, EVP_PKEY **out, struct err *e)
{
    const struct make_row *row = &rows[kind];
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, row->algorithm, NULL);
    EVP_PKEY *key = NULL;
    int rc = 0;

    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1) {
        rc = err_set(e, -ENOTSUP, "", "take another kind, or OpenSSL 3.5 or newer",
                     "this OpenSSL makes no keys of the kind %s", vault_kinds[kind]);
    } else {
        EVP_PKEY_CTX_set_app_data(ctx, stop);
        EVP_PKEY_CTX_set_cb(ctx, go_on);
        if ((row->group && EVP_PKEY_CTX_set_group_name(ctx, row->group) != 1) ||
            (row->bits && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, row->bits) != 1) ||
            EVP_PKEY_generate(ctx, &key) != 1)
            rc = atomic_load(stop) ? err_set(e, -ECANCELED, "", "ask again",
                                             "the making of the key was called off")
                                   : err_set(e, -EIO, "", "ask again", "the key could not be made");
    }
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    if (rc)
        EVP_PKEY_free(key);
    else
        *out = key;
    return rc;
}
