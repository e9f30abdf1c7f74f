/* The path part of verify: what does not change with time. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/parts.h"

#define SECURITY_LEVEL 2

/* The key types of the list; a key outside it is refused before any signature is looked at. */
bool key_allowed(EVP_PKEY *key, char name[24])
{
    char group[32] = "";
    int bits = EVP_PKEY_get_bits(key);

    snprintf(name, 24, "%.23s",
             EVP_PKEY_get0_type_name(key) ? EVP_PKEY_get0_type_name(key) : "unknown");
    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS")) {
        snprintf(name, 24, "RSA%d", bits);
        return bits >= 2048 && bits <= 4096;
    }
    if (EVP_PKEY_is_a(key, "EC")) {
        EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
        snprintf(name, 24, "EC%d", bits);
        return !strcmp(group, "prime256v1") || !strcmp(group, "P-256") ||
               !strcmp(group, "secp384r1") || !strcmp(group, "P-384");
    }
    if (EVP_PKEY_is_a(key, "ED25519")) {
        snprintf(name, 24, "Ed25519");
        return true;
    }
    return EVP_PKEY_is_a(key, "ML-DSA-44") || EVP_PKEY_is_a(key, "ML-DSA-65") ||
           EVP_PKEY_is_a(key, "ML-DSA-87");
}

/* Signature algorithms: no SHA-1, no MD5, nothing below 112 bits. */
static bool signature_allowed(X509 *x)
{
    int digest = NID_undef, bits = 0;

    if (X509_get_signature_info(x, &digest, NULL, &bits, NULL) != 1)
        return false;
    return digest != NID_sha1 && digest != NID_md5 && digest != NID_md5_sha1 && bits >= 112;
}

static bool serial_allowed(X509 *x)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(x);
    const unsigned char *p = ASN1_STRING_get0_data(s);
    int n = ASN1_STRING_length(s), i = 0;

    while (i < n && p[i] == 0)
        i++;
    return ASN1_STRING_type(s) == V_ASN1_INTEGER && i < n && n - i <= 20;
}

static bool check_certificate(X509 *x, bool anchor, struct verdict *v)
{
    char label[96], key_name[24];
    EVP_PKEY *key = X509_get0_pubkey(x);

    if (!key || !key_allowed(key, key_name))
        return deny(
            v, REASON_KEY_TYPE,
            "%s: a key of type %s; RSA 2048 to 4096, P-256, P-384, Ed25519 or ML-DSA is allowed",
            cert_label(x, label), key ? key_name : "unknown");
    if (!anchor && !signature_allowed(x))
        return deny(v, REASON_KEY_TYPE, "%s: signed with a weak or unknown algorithm",
                    cert_label(x, label));
    if (!anchor && !serial_allowed(x))
        return deny(v, REASON_NAME_INVALID,
                    "%s: the serial is not positive or longer than 20 bytes", cert_label(x, label));
    return true;
}

static bool check_presented(STACK_OF(X509) * chain, struct verdict *v)
{
    size_t bytes = 0;

    if (sk_X509_num(chain) > CHAIN_CERTS_MAX)
        return deny(v, REASON_CHAIN_LIMIT, "%d certificates; at most %d are looked at",
                    sk_X509_num(chain), CHAIN_CERTS_MAX);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int n = i2d_X509(sk_X509_value(chain, i), NULL);
        bytes += n > 0 ? (size_t)n + 4 : CHAIN_DER_MAX;
    }
    if (bytes > CHAIN_DER_MAX)
        return deny(v, REASON_CHAIN_LIMIT, "a chain of %zu bytes; at most %d are looked at", bytes,
                    CHAIN_DER_MAX);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (!check_certificate(sk_X509_value(chain, i), false, v))
            return false;
    return true;
}

/* RFC 5280 4.2.1.12, read strictly: the purpose must stand there; anyExtendedKeyUsage does not
 * count. */
static bool eku_allows(X509 *leaf, enum leg_side side)
{
    int want = side == LEG_OUTER ? NID_client_auth : NID_server_auth;
    EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
        found |= OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == want;
    sk_ASN1_OBJECT_pop_free(eku, ASN1_OBJECT_free);
    return found;
}

static bool check_leaf(const struct verify_side *side, X509 *leaf, struct verdict *v)
{
    char label[96];

    if (X509_check_ca(leaf) != 0)
        return deny(v, REASON_LEAF_IS_CA, "%s: a CA certificate can not stand for a peer",
                    cert_label(leaf, label));
    if (X509_get_ext_by_NID(leaf, NID_name_constraints, -1) >= 0)
        return deny(v, REASON_CHAIN, "%s: a leaf with name constraints", cert_label(leaf, label));
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        return deny(v, REASON_EKU, "%s: its key usage has no digitalSignature",
                    cert_label(leaf, label));
    if (!eku_allows(leaf, side->side))
        return deny(v, REASON_EKU, "%s: its extended key usage does not name %s",
                    cert_label(leaf, label), side->side == LEG_OUTER ? "clientAuth" : "serverAuth");
    return names_check(leaf, side->side, v);
}

static enum reason openssl_reason(int error)
{
    switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return REASON_UNKNOWN_CA;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
        return REASON_SIGNATURE;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return REASON_KEY_TYPE;
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        return REASON_CHAIN_LIMIT;
    default:
        return REASON_CHAIN;
    }
}

static int set_parameters(X509_STORE_CTX *ctx, enum leg_side side)
{
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_depth(p, PATH_DEPTH_MAX - 1);
    X509_VERIFY_PARAM_set_auth_level(p, SECURITY_LEVEL);
    /* Dates and CRLs belong to the status part. */
    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT | X509_V_FLAG_TRUSTED_FIRST |
                                       X509_V_FLAG_NO_CHECK_TIME);
    return X509_STORE_CTX_set_purpose(ctx, side == LEG_OUTER ? X509_PURPOSE_SSL_CLIENT
                                                             : X509_PURPOSE_SSL_SERVER);
}

static bool build_path(const struct verify_side *side, STACK_OF(X509) * presented,
                       struct verdict *v, STACK_OF(X509) * *path)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = false;
    char label[96];

    if (ctx &&
        X509_STORE_CTX_init(ctx, side->trust->store, sk_X509_value(presented, 0), presented) == 1 &&
        set_parameters(ctx, side->side) == 1) {
        ok = X509_verify_cert(ctx) == 1;
        if (ok) {
            *path = X509_STORE_CTX_get1_chain(ctx);
        } else {
            int error = X509_STORE_CTX_get_error(ctx);
            X509 *at = X509_STORE_CTX_get_current_cert(ctx);
            deny(v, openssl_reason(error), "%s: %s", at ? cert_label(at, label) : "chain",
                 X509_verify_cert_error_string(error));
        }
    } else {
        deny(v, REASON_INTERNAL, "out of memory");
    }
    X509_STORE_CTX_free(ctx);
    return ok && *path;
}

/* The cache's key: everything the path verdict depends on besides this trust. */
static bool cache_key(const struct verify_side *side, STACK_OF(X509) * presented, uint8_t key[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t which = (uint8_t)side->side;
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, &which, 1) == 1;

    for (int i = 0; ok && i < sk_X509_num(presented); i++) {
        uint8_t one[32];
        unsigned n = sizeof one;
        ok = X509_digest(sk_X509_value(presented, i), EVP_sha256(), one, &n) == 1 &&
             EVP_DigestUpdate(ctx, one, n) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(ctx, key, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool path_judge(const struct verify_side *side, STACK_OF(X509) * presented,
                       struct verdict *v, STACK_OF(X509) * *path)
{
    if (!check_presented(presented, v) || !check_leaf(side, sk_X509_value(presented, 0), v) ||
        !build_path(side, presented, v, path))
        return false;
    for (int i = 1; i < sk_X509_num(*path); i++)
        if (!check_certificate(sk_X509_value(*path, i), i == sk_X509_num(*path) - 1, v))
            return false;
    return true;
}

bool path_verify(const struct verify_side *side, STACK_OF(X509) * presented, struct verdict *v,
                 STACK_OF(X509) * *path)
{
    X509 *leaf = sk_X509_value(presented, 0);
    struct path_cached *slot = NULL;
    char label[96];
    uint8_t key[32];

    if (cache_key(side, presented, key))
        slot = &side->trust->cache[((unsigned)key[0] << 8 | key[1]) % PATH_CACHE];
    if (slot && slot->used && !memcmp(slot->key, key, sizeof key)) {
        *path = X509_chain_up_ref(slot->path);
    } else {
        if (!path_judge(side, presented, v, path))
            return false;
        if (slot) {
            sk_X509_pop_free(slot->path, X509_free);
            slot->path = X509_chain_up_ref(*path);
            slot->used = slot->path != NULL;
            memcpy(slot->key, key, sizeof key);
        }
    }
    if (*path && side->side == LEG_INNER && !names_match_server(leaf, side->tls->server_name))
        return deny(v, REASON_NAME_MISMATCH, "%s: no SAN matches the server name %s",
                    cert_label(leaf, label), side->tls->server_name);
    return *path != NULL;
}
