/* The form of one certificate: what RFC 5280 forbids and OpenSSL lets pass. */
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/der.h"
#include "handshake/parts.h"

#define SERIAL_MAX     20
#define EXTENSIONS_MAX 64

/* Extensions that OpenSSL reads only when asked. */
static const int unread[] = {
    NID_info_access,          NID_sinfo_access,    NID_issuer_alt_name,
    NID_certificate_policies, NID_policy_mappings, NID_freshest_crl,
};

/* Extensions that are wrong when critical: not ours to process, or forbidden to be so. */
static const struct {
    int nid;
    const char *why;
} not_critical[] = {
    {NID_certificate_policies, "certificate policies are not processed"},
    {NID_policy_mappings, "certificate policies are not processed"},
    {NID_authority_key_identifier, "its authority key identifier is critical"},
    {NID_subject_key_identifier, "its subject key identifier is critical"},
    {NID_info_access, "its authority information access is critical"},
    {NID_sinfo_access, "its subject information access is critical"},
    {NID_freshest_crl, "its freshest CRL is critical"},
};

/* RFC 5280 4.1.2.2: positive, at most 20 bytes. */
static bool serial_good(X509 *x)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(x);
    const unsigned char *p = ASN1_STRING_get0_data(s);
    int n = ASN1_STRING_length(s), zeros = 0;

    while (zeros < n && p[zeros] == 0)
        zeros++;
    n -= zeros;
    /* A 20-byte magnitude with its top bit set takes 21 bytes in DER. */
    return ASN1_STRING_type(s) == V_ASN1_INTEGER && n > 0 && n <= SERIAL_MAX &&
           !(n == SERIAL_MAX && p[zeros] & 0x80);
}

static bool repeated(X509 *x, int at)
{
    const ASN1_OBJECT *oid = X509_EXTENSION_get_object(X509_get_ext(x, at));

    return X509_get_ext_by_OBJ(x, oid, at) >= 0;
}

/* The value of a known extension is one element, of which only constraints may be empty. */
static bool value_good(X509_EXTENSION *ext, int nid)
{
    const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
    bool good = true;
    struct buf b;
    struct der d;

    buf_init_read(&b, ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
    if (!der_get(&b, &d) || !buf_done(&b) ||
        (d.in.len == 0 && d.tag == DER_SEQUENCE && nid != NID_basic_constraints))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(unread); i++)
        if (unread[i] == nid) {
            const X509V3_EXT_METHOD *how = X509V3_EXT_get_nid(nid);
            void *read = X509V3_EXT_d2i(ext);

            good = read != NULL;
            ASN1_item_free(read, ASN1_ITEM_ptr(how->it));
        }
    return good;
}

/* No policies are processed: what makes them matter is refused, critical or not. */
static bool demands_policies(int nid)
{
    return nid == NID_policy_constraints || nid == NID_inhibit_any_policy;
}

static const char *extension_fault(X509_EXTENSION *ext)
{
    int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

    if (X509V3_EXT_get_nid(nid) && !value_good(ext, nid))
        return "an extension can not be read";
    if (demands_policies(nid))
        return "certificate policies are not processed";
    for (size_t i = 0; i < ARRAY_LEN(not_critical) && X509_EXTENSION_get_critical(ext); i++)
        if (not_critical[i].nid == nid)
            return not_critical[i].why;
    return NULL;
}

static bool extensions_good(X509 *x, struct verdict *v)
{
    int n = X509_get_ext_count(x);
    const char *fault = NULL;
    char label[96];

    if (n > EXTENSIONS_MAX)
        return deny(v, REASON_CHAIN_LIMIT, "%s: %d extensions; at most %d are looked at",
                    cert_label(x, label), n, EXTENSIONS_MAX);
    for (int i = 0; i < n && !fault; i++)
        fault = repeated(x, i) ? "an extension stands twice" : extension_fault(X509_get_ext(x, i));
    if (!fault && X509_get_extension_flags(x) & EXFLAG_INVALID)
        fault = "an extension can not be read";
    return fault ? deny(v, REASON_CHAIN, "%s: %s", cert_label(x, label), fault) : true;
}

static bool version_good(X509 *x, struct verdict *v)
{
    char label[96];

    return X509_get_version(x) == X509_VERSION_3 ||
           deny(v, REASON_CHAIN, "%s: it is not of version 3", cert_label(x, label));
}

/* RFC 9295 3, RFC 9881 5: keys that only sign are for nothing else. */
static bool usage_good(X509 *x, const char *key)
{
    uint32_t wrong = KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT |
                     KU_ENCIPHER_ONLY | KU_DECIPHER_ONLY;

    return (strcmp(key, "Ed25519") && strncmp(key, "ML-DSA", 6)) ||
           !(X509_get_extension_flags(x) & EXFLAG_KUSAGE) || !(X509_get_key_usage(x) & wrong);
}

bool form_check(X509 *x, bool anchor, struct verdict *v)
{
    char label[96], key[24];
    const X509_ALGOR *alg;

    X509_get0_signature(NULL, &alg, x);
    if (!cert_key_allowed(x, key))
        return deny(v, REASON_KEY_TYPE, "%s: a key of type %s; allowed: " ALGS_KEYS,
                    cert_label(x, label), key);
    if (anchor)
        return true; /* trusted as it is; trust_new() looked at the rest */
    if (!signature_allowed(alg))
        return deny(v, REASON_KEY_TYPE, "%s: signed with a weak or unknown algorithm",
                    cert_label(x, label));
    if (!serial_good(x))
        return deny(v, REASON_NAME_INVALID,
                    "%s: the serial is not positive or longer than %d bytes", cert_label(x, label),
                    SERIAL_MAX);
    if (!usage_good(x, key))
        return deny(v, REASON_KEY_TYPE, "%s: a key usage that its key of type %s has not",
                    cert_label(x, label), key);
    return version_good(x, v) && extensions_good(x, v) && constraints_check(x, v);
}

/* RFC 5280 4.2.1.1 to 4.2.1.9, of a CA. */
static const char *anchor_fault(X509 *x)
{
    uint32_t flags = X509_get_extension_flags(x);

    if (X509_check_ca(x) != 1)
        return "it is not a certificate authority";
    if (!(flags & EXFLAG_BCONS_CRITICAL))
        return "its basic constraints are not critical";
    if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(x) & KU_KEY_CERT_SIGN))
        return "its key usage has no keyCertSign";
    if (!X509_get0_subject_key_id(x))
        return "it has no subject key identifier";
    if (X509_get_ext_by_NID(x, NID_authority_key_identifier, -1) >= 0 &&
        !X509_get0_authority_key_id(x))
        return "its authority key identifier has none";
    if (X509_NAME_entry_count(X509_get_subject_name(x)) == 0)
        return "it has no subject";
    return flags & EXFLAG_CRITICAL ? "it has a critical extension that is not known" : NULL;
}

bool form_check_anchor(X509 *x, struct verdict *v)
{
    const char *fault;
    char label[96];

    if (!version_good(x, v) || !extensions_good(x, v) || !constraints_check(x, v))
        return false;
    fault = anchor_fault(x);
    return fault ? deny(v, REASON_CHAIN, "%s: %s", cert_label(x, label), fault) : true;
}

/* RFC 5280 4.2.1.12, read strictly: the purpose itself must stand there. */
static bool eku_names(X509 *leaf, int want)
{
    EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
        found |= OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == want;
    sk_ASN1_OBJECT_pop_free(eku, ASN1_OBJECT_free);
    return found;
}

bool form_check_leaf(X509 *leaf, enum leg_side side, struct verdict *v)
{
    int want = side == LEG_OUTER ? NID_client_auth : NID_server_auth;
    char label[96];

    if (X509_check_ca(leaf) != 0)
        return deny(v, REASON_LEAF_IS_CA, "%s: a CA certificate can not stand for a peer",
                    cert_label(leaf, label));
    if (X509_get_ext_by_NID(leaf, NID_name_constraints, -1) >= 0)
        return deny(v, REASON_CHAIN, "%s: a leaf with name constraints", cert_label(leaf, label));
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        return deny(v, REASON_EKU, "%s: its key usage has no digitalSignature",
                    cert_label(leaf, label));
    if (!eku_names(leaf, want))
        return deny(v, REASON_EKU, "%s: its extended key usage does not name %s",
                    cert_label(leaf, label), OBJ_nid2sn(want));
    return true;
}
