#include "handshake/algs.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096
#define EXPONENT_MIN 17 /* bits: 65537, FIPS 186-5 A.1.1 */
#define EXPONENT_MAX 33 /* bits: a long exponent makes every check slow */
#define PSS_SALT_MAX 64

struct signature_row {
    const char *oid;
    const char *key;    /* type name of the keys that may make it */
    const char *digest; /* NULL: the algorithm has its own; "": its parameters name it */
};

static const struct signature_row signatures[] = {
    {"1.2.840.113549.1.1.11", "RSA", "SHA256"},
    {"1.2.840.113549.1.1.12", "RSA", "SHA384"},
    {"1.2.840.113549.1.1.13", "RSA", "SHA512"},
    {"1.2.840.113549.1.1.10", "RSA", ""}, /* RSASSA-PSS */
    {"1.2.840.10045.4.3.2", "EC", "SHA256"},
    {"1.2.840.10045.4.3.3", "EC", "SHA384"},
    {"1.2.840.10045.4.3.4", "EC", "SHA512"},
    {"1.3.101.112", "ED25519", NULL},
    {"2.16.840.1.101.3.4.3.17", "ML-DSA-44", NULL},
    {"2.16.840.1.101.3.4.3.18", "ML-DSA-65", NULL},
    {"2.16.840.1.101.3.4.3.19", "ML-DSA-87", NULL},
};

static const struct {
    const char *oid, *name;
} digests[] = {
    {"2.16.840.1.101.3.4.2.1", "SHA256"},
    {"2.16.840.1.101.3.4.2.2", "SHA384"},
    {"2.16.840.1.101.3.4.2.3", "SHA512"},
};

static const struct {
    const char *type, *group, *name;
} keys[] = {
    {"EC", "prime256v1", "EC256"},  {"EC", "P-256", "EC256"},       {"EC", "secp384r1", "EC384"},
    {"EC", "P-384", "EC384"},       {"ED25519", "", "Ed25519"},     {"ML-DSA-44", "", "ML-DSA-44"},
    {"ML-DSA-65", "", "ML-DSA-65"}, {"ML-DSA-87", "", "ML-DSA-87"},
};

static bool is_rsa(const char *type)
{
    return !strcmp(type, "RSA") || !strcmp(type, "RSA-PSS");
}

static bool rsa_allowed(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    BIGNUM *e = NULL;
    bool good = bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX &&
                EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
                BN_num_bits(e) >= EXPONENT_MIN && BN_num_bits(e) <= EXPONENT_MAX;

    BN_free(e);
    return good;
}

bool key_allowed(EVP_PKEY *key, char name[24])
{
    const char *type = EVP_PKEY_get0_type_name(key);
    char group[32] = "";

    if (!type)
        type = "unknown";
    snprintf(name, 24, "%.23s", type);
    if (is_rsa(type)) {
        snprintf(name, 24, "RSA%d", EVP_PKEY_get_bits(key));
        return rsa_allowed(key);
    }
    if (!strcmp(type, "EC")) {
        snprintf(name, 24, "EC%d", EVP_PKEY_get_bits(key));
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL); /* none: explicit parameters */
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (!strcmp(type, keys[i].type) && !strcmp(group, keys[i].group)) {
            snprintf(name, 24, "%s", keys[i].name);
            return true;
        }
    return false;
}

bool cert_key_allowed(X509 *x, char name[24])
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    ASN1_OBJECT *oid = NULL;
    int nid = NID_undef;

    if (key)
        return key_allowed(key, name);
    if (X509_PUBKEY_get0_param(&oid, NULL, NULL, NULL, X509_get_X509_PUBKEY(x)) == 1)
        nid = OBJ_obj2nid(oid);
    snprintf(name, 24, "%.23s", nid == NID_undef ? "unknown" : OBJ_nid2sn(nid));
    return false;
}

static void alg_oid(const X509_ALGOR *alg, char out[80])
{
    const ASN1_OBJECT *oid = NULL;

    out[0] = '\0';
    X509_ALGOR_get0(&oid, NULL, NULL, alg);
    if (oid && OBJ_obj2txt(out, 80, oid, 1) >= 80)
        out[0] = '\0';
}

static const char *digest_name(const X509_ALGOR *alg)
{
    char oid[80];

    if (!alg)
        return NULL;
    alg_oid(alg, oid);
    for (size_t i = 0; i < ARRAY_LEN(digests); i++)
        if (!strcmp(oid, digests[i].oid))
            return digests[i].name;
    return NULL;
}

/* The mask must be MGF1 with the same digest, the salt of a sane length, the trailer the default.
 */
static bool pss_agrees(const RSA_PSS_PARAMS *pss, const char *digest, int *salt)
{
    X509_ALGOR *mask;
    bool good;
    char oid[80];

    if (!digest || !pss->maskGenAlgorithm || !pss->saltLength || pss->trailerField)
        return false;
    alg_oid(pss->maskGenAlgorithm, oid);
    mask = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), pss->maskGenAlgorithm->parameter);
    *salt = (int)ASN1_INTEGER_get(pss->saltLength);
    good = !strcmp(oid, "1.2.840.113549.1.1.8") && mask && digest == digest_name(mask) &&
           *salt >= 0 && *salt <= PSS_SALT_MAX;
    X509_ALGOR_free(mask);
    return good;
}

/* RFC 4055 3.1: the digest of PSS parameters whose parts agree with each other, or NULL. */
static const char *pss_digest(const X509_ALGOR *alg, int *salt)
{
    const char *digest = NULL;
    const unsigned char *der;
    const void *value = NULL;
    const ASN1_STRING *text;
    RSA_PSS_PARAMS *pss;
    int type;

    X509_ALGOR_get0(NULL, &type, &value, alg);
    if (type != V_ASN1_SEQUENCE)
        return NULL;
    text = value;
    der = ASN1_STRING_get0_data(text);
    pss = d2i_RSA_PSS_PARAMS(NULL, &der, ASN1_STRING_length(text));
    if (pss)
        digest = digest_name(pss->hashAlgorithm);
    if (pss && !pss_agrees(pss, digest, salt))
        digest = NULL;
    RSA_PSS_PARAMS_free(pss);
    return digest;
}

static const struct signature_row *row_of(const X509_ALGOR *alg)
{
    char oid[80];

    alg_oid(alg, oid);
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
        if (!strcmp(oid, signatures[i].oid))
            return &signatures[i];
    return NULL;
}

bool signature_allowed(const X509_ALGOR *alg)
{
    const struct signature_row *row = row_of(alg);
    int salt;

    return row && (!row->digest || row->digest[0] || pss_digest(alg, &salt));
}

bool signature_good(const X509_ALGOR *alg, EVP_PKEY *key, const uint8_t *data, size_t n,
                    const uint8_t *sig, size_t n_sig)
{
    const struct signature_row *row = row_of(alg);
    bool pss = row && row->digest && !row->digest[0], good;
    EVP_PKEY_CTX *how = NULL;
    const char *digest;
    EVP_MD_CTX *ctx;
    char name[24];
    int salt = 0;

    if (!row || !key || !key_allowed(key, name) ||
        !(EVP_PKEY_is_a(key, row->key) || (pss && EVP_PKEY_is_a(key, "RSA-PSS"))))
        return false;
    digest = pss ? pss_digest(alg, &salt) : row->digest;
    if (pss && !digest)
        return false;
    ctx = EVP_MD_CTX_new();
    good = ctx && EVP_DigestVerifyInit_ex(ctx, &how, digest, NULL, NULL, key, NULL) == 1;
    if (good && pss)
        good = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md_name(how, digest, NULL) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(how, salt) == 1;
    good = good && EVP_DigestVerify(ctx, sig, n_sig, data, n) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}
