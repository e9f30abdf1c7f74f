#include "mgmt/model/certs.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/check.h"

#define FIX_READ "give PEM or DER certificates"

bool certs_are_pem(const uint8_t *data, size_t n)
{
    return memmem(data, n, "-----BEGIN ", 11) != NULL;
}

int64_t certs_time(const ASN1_TIME *t, char text[32])
{
    struct tm tm;

    if (text)
        text[0] = '\0';
    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return INT64_MIN;
    if (text)
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return (int64_t)timegm(&tm);
}

const char *certs_subject(const X509_NAME *name, char out[128])
{
    X509_NAME_oneline(name, out, 128);
    return out;
}

static int push(STACK_OF(X509) * out, X509 *x, const char *where, struct err *e)
{
    if (!x)
        return err_set(e, -EINVAL, where, FIX_READ, "certificate %d of the file can not be read",
                       sk_X509_num(out) + 1);
    if (sk_X509_num(out) < CERTS_FILE_MAX && sk_X509_push(out, x))
        return 0;
    X509_free(x);
    return err_set(e, -E2BIG, where, "give fewer", "more than %d certificates in one file",
                   CERTS_FILE_MAX);
}

static int read_pem(STACK_OF(X509) * out, BIO *bio, const char *where, struct err *e)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n;
    int rc = 0;

    while (!rc && PEM_read_bio(bio, &name, &header, &der, &n) == 1) {
        const unsigned char *p = der;

        if (!strcmp(name, "CERTIFICATE") || !strcmp(name, "X509 CERTIFICATE"))
            rc = push(out, d2i_X509(NULL, &p, n), where, e);
        else
            rc = err_set(e, -EINVAL, where, FIX_READ, "holds a \"%.64s\", which is no certificate",
                         name);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    if (!rc && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = err_set(e, -EINVAL, where, FIX_READ, "is damaged after %d certificates",
                     sk_X509_num(out));
    return rc;
}

/* One certificate after the other, and nothing else. */
static int read_der(STACK_OF(X509) * out, const uint8_t *data, size_t n, const char *where,
                    struct err *e)
{
    const unsigned char *p = data;
    int rc = 0;

    while (!rc && p < data + n)
        rc = push(out, d2i_X509(NULL, &p, (long)(data + n - p)), where, e);
    return rc;
}

STACK_OF(X509) * certs_read(const uint8_t *data, size_t n, const char *where, struct err *e)
{
    STACK_OF(X509) *out = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(data, (int)n);
    int rc = out && bio ? 0 : err_set(e, -ENOMEM, where, "free memory", "out of memory");

    if (!rc && memmem(data, n, "PRIVATE KEY-----", 16))
        rc = err_set(e, -EINVAL, where, "keep the key in a file of its own, named by \"key\"",
                     "holds a private key beside certificates");
    if (!rc && certs_are_pem(data, n))
        rc = read_pem(out, bio, where, e);
    else if (!rc)
        rc = read_der(out, data, n, where, e);
    if (!rc && sk_X509_num(out) == 0)
        rc = err_set(e, -EINVAL, where, FIX_READ, "holds no certificate");
    BIO_free(bio);
    ERR_clear_error();
    if (rc) {
        sk_X509_pop_free(out, X509_free);
        return NULL;
    }
    return out;
}

static X509 *take_issuer(STACK_OF(X509) * from, X509 *of)
{
    for (int i = 0; i < sk_X509_num(from); i++)
        if (X509_check_issued(sk_X509_value(from, i), of) == X509_V_OK)
            return sk_X509_delete(from, i);
    return NULL;
}

int certs_order(STACK_OF(X509) * chain, const char *where, struct err *e)
{
    X509 *at = sk_X509_value(chain, 0), *next;
    STACK_OF(X509) *rest = sk_X509_new_null();
    char name[128];
    int rc = 0;

    if (X509_check_ca(at) > 0 && sk_X509_num(chain) > 1) {
        sk_X509_free(rest);
        return err_set(
            e, -EINVAL, where, "put the gateway's own certificate first, then its issuers",
            "begins with the CA certificate %s", certs_subject(X509_get_subject_name(at), name));
    }
    while (sk_X509_num(chain) > 1)
        sk_X509_push(rest, sk_X509_delete(chain, 1));
    while ((next = take_issuer(rest, at)) != NULL) {
        sk_X509_push(chain, next);
        at = next;
    }
    if (sk_X509_num(rest) > 0)
        rc = err_set(e, -EINVAL, where, "leave out what does not belong to the chain",
                     "%s did not issue any certificate of the chain",
                     certs_subject(X509_get_subject_name(sk_X509_value(rest, 0)), name));
    sk_X509_pop_free(rest, X509_free);
    return rc;
}

/* OpenSSL holds one certificate for each of these, whatever the curve. */
static const char *const key_types[] = {"RSA",       "RSA-PSS",   "EC",       "ED25519",
                                        "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"};

int certs_key_type(EVP_PKEY *key)
{
    for (unsigned i = 0; key && i < ARRAY_LEN(key_types); i++)
        if (EVP_PKEY_is_a(key, key_types[i]))
            return (int)i;
    return -1;
}

static bool key_type_good(EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);
    char group[32] = "";

    if (EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS"))
        return bits >= 2048 && bits <= 4096;
    if (EVP_PKEY_is_a(key, "EC"))
        return EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
               (!strcmp(group, "prime256v1") || !strcmp(group, "secp384r1"));
    return certs_key_type(key) >= 0;
}

static int check_key(X509 *x, const char *where, struct err *e)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    char name[128];

    if (key && key_type_good(key))
        return 0;
    return err_set(e, -EINVAL, where, "use EC P-256 or P-384, RSA 2048 to 4096, Ed25519 or ML-DSA",
                   "%s has a key of another type or size",
                   certs_subject(X509_get_subject_name(x), name));
}

static bool weakly_signed(X509 *x)
{
    int digest = NID_undef, bits = 0;

    return X509_get_signature_info(x, &digest, NULL, &bits, NULL) != 1 || digest == NID_sha1 ||
           digest == NID_md5 || digest == NID_md5_sha1 || bits < 112;
}

static int check_dates(X509 *x, int64_t now, const char *where, struct err *e)
{
    char name[128], text[32];

    certs_subject(X509_get_subject_name(x), name);
    if (certs_time(X509_get0_notAfter(x), text) < now)
        return err_set(e, -EINVAL, where, "install a renewed certificate", "%s expired at %s", name,
                       text);
    if (certs_time(X509_get0_notBefore(x), text) > now)
        return err_set(e, -EINVAL, where, "wait, or check this machine's clock",
                       "%s is not valid before %s", name, text);
    return 0;
}

static int check_leaf(X509 *leaf, const char *where, struct err *e)
{
    char name[128];

    certs_subject(X509_get_subject_name(leaf), name);
    if (X509_check_ca(leaf) == 1)
        return err_set(e, -EINVAL, where, "give the gateway a certificate that is no CA",
                       "%s is a CA certificate: peers refuse it", name);
    if (!(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        return err_set(e, -EINVAL, where, "have it issued with digitalSignature",
                       "the key usage of %s does not allow signatures", name);
    return 0;
}

int certs_check_own(STACK_OF(X509) * chain, int64_t now, const char *where, struct err *e)
{
    size_t bytes = 0;
    char name[128];
    int rc = check_leaf(sk_X509_value(chain, 0), where, e);

    if (!rc && sk_X509_num(chain) > CERTS_CHAIN_MAX)
        rc = err_set(e, -EINVAL, where, "give a shorter chain",
                     "a chain of %d certificates; peers look at %d", sk_X509_num(chain),
                     CERTS_CHAIN_MAX);
    for (int i = 0; i < sk_X509_num(chain) && !rc; i++) {
        X509 *x = sk_X509_value(chain, i);
        int n = i2d_X509(x, NULL);

        bytes += n > 0 ? (size_t)n + 4 : CERTS_CHAIN_DER;
        rc = check_key(x, where, e);
        if (!rc)
            rc = check_dates(x, now, where, e);
        if (!rc && weakly_signed(x) && X509_self_signed(x, 0) != 1)
            rc = err_set(e, -EINVAL, where, "have it issued with SHA-256 or better",
                         "%s is signed with a weak or unknown algorithm",
                         certs_subject(X509_get_subject_name(x), name));
    }
    if (!rc && bytes > CERTS_CHAIN_DER)
        rc = err_set(e, -EINVAL, where, "give a shorter chain",
                     "a chain of %zu bytes; peers look at %d", bytes, CERTS_CHAIN_DER);
    return rc;
}

int certs_check_anchor(X509 *x, const char *where, struct err *e)
{
    char name[128];

    if (X509_check_ca(x) != 1)
        return err_set(e, -EINVAL, where, "name a file of CA certificates (CA:TRUE)",
                       "%s is no CA certificate", certs_subject(X509_get_subject_name(x), name));
    return check_key(x, where, e);
}

int certs_purpose(X509 *leaf, bool server)
{
    EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(leaf, NID_ext_key_usage, NULL, NULL);
    int want = server ? NID_server_auth : NID_client_auth, found = eku ? -1 : 0;

    for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)) == want)
            found = 1;
    sk_ASN1_OBJECT_pop_free(eku, ASN1_OBJECT_free);
    return found;
}
