#include "handshake/keyring/issue_ext.h"

#include <errno.h>
#include <stdbool.h>

#include <openssl/asn1t.h>
#include <openssl/sha.h>

#define DIGITAL_SIGNATURE 0 /* bits of keyUsage (RFC 5280 4.2.1.3) */
#define KEY_CERT_SIGN     5
#define CRL_SIGN          6

struct role_row {
    bool ca;
    int usages[2];
    int purposes[2]; /* NID_undef: none */
};

static const struct role_row roles[VAULT_ROLES] = {
    [VAULT_CA] = {true, {KEY_CERT_SIGN, CRL_SIGN}, {NID_undef, NID_undef}},
    [VAULT_SERVER] = {false, {DIGITAL_SIGNATURE, DIGITAL_SIGNATURE}, {NID_server_auth, NID_undef}},
    [VAULT_CLIENT] = {false, {DIGITAL_SIGNATURE, DIGITAL_SIGNATURE}, {NID_client_auth, NID_undef}},
    [VAULT_SERVER_CLIENT] = {false,
                             {DIGITAL_SIGNATURE, DIGITAL_SIGNATURE},
                             {NID_server_auth, NID_client_auth}},
};

static bool add(X509 *x, int nid, void *value, bool critical)
{
    return value && X509_add1_ext_i2d(x, nid, value, critical, X509V3_ADD_DEFAULT) == 1;
}

/* A CA below one that counts gets one step less. */
static bool add_constraints(X509 *x, X509 *issuer, bool ca)
{
    BASIC_CONSTRAINTS *c = BASIC_CONSTRAINTS_new();
    long path = x == issuer ? -1 : X509_get_pathlen(issuer);
    bool good = c != NULL;

    if (good && ca) {
        c->ca = 0xff;
        if (path > 0) {
            c->pathlen = ASN1_INTEGER_new();
            good = c->pathlen && ASN1_INTEGER_set(c->pathlen, path - 1);
        }
    }
    good = good && add(x, NID_basic_constraints, c, true);
    BASIC_CONSTRAINTS_free(c);
    return good;
}

static bool add_usage(X509 *x, const struct role_row *role)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    bool good = bits != NULL;

    for (int i = 0; i < 2 && good; i++)
        good = ASN1_BIT_STRING_set_bit(bits, role->usages[i], 1) == 1;
    good = good && add(x, NID_key_usage, bits, true);
    ASN1_BIT_STRING_free(bits);
    return good;
}

static bool add_purposes(X509 *x, const struct role_row *role)
{
    EXTENDED_KEY_USAGE *list;
    bool good;

    if (role->purposes[0] == NID_undef)
        return true;
    list = sk_ASN1_OBJECT_new_null();
    good = list != NULL;
    for (int i = 0; i < 2 && good; i++) { /* the objects are OpenSSL's own, never freed */
        if (role->purposes[i] != NID_undef)
            good = sk_ASN1_OBJECT_push(list, OBJ_nid2obj(role->purposes[i])) > 0;
    }
    good = good && add(x, NID_ext_key_usage, list, false);
    sk_ASN1_OBJECT_free(list);
    return good;
}

/* SHA-1 of the key's bits, the common way to name a key (RFC 5280 4.2.1.2). */
static ASN1_OCTET_STRING *key_id(X509 *x)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    uint8_t hash[SHA_DIGEST_LENGTH];

    if (id && bits &&
        EVP_Digest(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits), hash, NULL,
                   EVP_sha1(), NULL) == 1 &&
        ASN1_OCTET_STRING_set(id, hash, sizeof(hash)) == 1)
        return id;
    ASN1_OCTET_STRING_free(id);
    return NULL;
}

static bool add_subject_id(X509 *x)
{
    ASN1_OCTET_STRING *id = key_id(x);
    bool good = add(x, NID_subject_key_identifier, id, false);

    ASN1_OCTET_STRING_free(id);
    return good;
}

/* What the issuer calls its key, if it says so. */
static bool add_issuer_id(X509 *x, X509 *issuer)
{
    const ASN1_OCTET_STRING *said = issuer == x ? NULL : X509_get0_subject_key_id(issuer);
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
    bool good;

    if (!aki)
        return false;
    aki->keyid = said ? ASN1_OCTET_STRING_dup(said) : key_id(issuer);
    good = aki->keyid && add(x, NID_authority_key_identifier, aki, false);
    AUTHORITY_KEYID_free(aki);
    return good;
}

int issue_extensions(X509 *x, X509 *issuer, const struct vault_issue *m, GENERAL_NAMES *sans)
{
    const struct role_row *role = &roles[m->role];
    bool good = add_constraints(x, issuer, role->ca) && add_usage(x, role) &&
                add_purposes(x, role) && add_subject_id(x) && add_issuer_id(x, issuer);

    /* The names alone say whom it is for when the subject is empty. */
    if (good && sans)
        good = add(x, NID_subject_alt_name, sans, !m->names.n_subject);
    return good ? 0 : -EIO;
}
