#include "handshake/keyring/issue.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "handshake/keyring/csr.h"
#include "handshake/keyring/issue_ext.h"
#include "handshake/keyring/keyfile.h"
#include "handshake/keyring/subject.h"

#define TIME_MIN     0              /* 1970 */
#define TIME_MAX     253402300799LL /* 9999-12-31 23:59:59, the last that DER can say */
#define EXPONENT_MIN 65537

static int no_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "", "free memory", "no memory for the certificate");
}

static X509 *decode_cert(const struct vault_bytes *v)
{
    const uint8_t *at = v->p;
    X509 *x = d2i_X509(NULL, &at, (long)v->n);

    if (x && at != v->p + v->n) {
        X509_free(x);
        x = NULL;
    }
    return x;
}

/* keyfile_judge() minds the size; a public key from outside may also have a weak exponent. */
static int judge_public(EVP_PKEY *key, struct err *e)
{
    enum key_kind kind;
    BIGNUM *exponent = NULL;
    bool weak;
    int rc = keyfile_judge(key, "subject_key", &kind, e);

    if (rc || (kind != KEY_RSA && kind != KEY_RSA_PSS))
        return rc;
    weak = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1 ||
           !BN_is_odd(exponent) ||
           (BN_num_bits(exponent) <= 32 && BN_get_word(exponent) < EXPONENT_MIN);
    BN_free(exponent);
    if (!weak)
        return 0;
    return err_set(e, -EKEYREJECTED, "subject_key", "make a new key",
                   "the RSA key's public exponent is below %d", EXPONENT_MIN);
}

static int key_of_request(const struct vault_bytes *v, EVP_PKEY **key, struct err *e)
{
    const uint8_t *at = v->p;
    X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)v->n);
    EVP_PKEY *public = req && at == v->p + v->n ? X509_REQ_get_pubkey(req) : NULL;
    int rc = 0;

    if (!public)
        rc = err_set(e, -EBADMSG, "subject_key", "give a PKCS#10 request as DER",
                     "the request can not be decoded");
    else if (X509_REQ_verify(req, public) != 1)
        rc = err_set(e, -EKEYREJECTED, "subject_key", "make the request anew with the key itself",
                     "the request is not signed with the key that it is for");
    X509_REQ_free(req);
    if (rc)
        EVP_PKEY_free(public);
    else
        *key = public;
    return rc;
}

static int key_of_spki(const struct vault_bytes *v, EVP_PKEY **key, struct err *e)
{
    const uint8_t *at = v->p;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)v->n);

    if (public && at == v->p + v->n) {
        *key = public;
        return 0;
    }
    EVP_PKEY_free(public);
    return err_set(e, -EBADMSG, "subject_key", "give a SubjectPublicKeyInfo as DER",
                   "the public key can not be decoded");
}

static int subject_key(EVP_PKEY *ca_key, const struct vault_issue *m, EVP_PKEY **key, struct err *e)
{
    EVP_PKEY *found = ca_key;
    int rc = 0;

    if (m->form == VAULT_FORM_CSR)
        rc = key_of_request(&m->subject_key, &found, e);
    else if (m->form == VAULT_FORM_SPKI)
        rc = key_of_spki(&m->subject_key, &found, e);
    else
        EVP_PKEY_up_ref(found);
    if (rc)
        return rc;
    rc = judge_public(found, e);
    if (rc)
        EVP_PKEY_free(found);
    else
        *key = found;
    return rc;
}

/* Of this key, a CA, and one that may sign certificates. */
static int check_ca(EVP_PKEY *ca_key, X509 *ca, const struct vault_issue *m, struct err *e)
{
    EVP_PKEY *public = X509_get0_pubkey(ca);
    long path = X509_get_pathlen(ca);

    if (!public || EVP_PKEY_eq(public, ca_key) != 1)
        return err_set(e, -EKEYREJECTED, "ca_certificate", "name the certificate of the CA's key",
                       "the CA certificate is not of this key");
    if (!(X509_get_extension_flags(ca) & EXFLAG_CA) ||
        (X509_get_extension_flags(ca) & EXFLAG_INVALID) ||
        !(X509_get_key_usage(ca) & KU_KEY_CERT_SIGN))
        return err_set(e, -EINVAL, "ca_certificate", "name a CA's certificate",
                       "the CA certificate may not sign certificates");
    if (path == 0 && m->role == VAULT_CA)
        return err_set(e, -EINVAL, "role", "issue it from the CA above",
                       "the CA certificate allows no CA below it");
    return 0;
}

static bool within(X509 *ca, const struct vault_issue *m)
{
    time_t from = (time_t)m->not_before, to = (time_t)m->not_after;

    int begun = ASN1_TIME_cmp_time_t(X509_get0_notBefore(ca), from);
    int ended = ASN1_TIME_cmp_time_t(X509_get0_notAfter(ca), to);

    return (begun == 0 || begun == -1) && (ended == 0 || ended == 1); /* -2: no time at all */
}

static int check_plan(X509 *ca, const struct vault_issue *m, struct err *e)
{
    if (m->not_before < TIME_MIN || m->not_after > TIME_MAX || m->not_before >= m->not_after)
        return err_set(e, -EINVAL, "not_after", "let it end after it begins",
                       "the dates are no span of time");
    if (ca && !within(ca, m))
        return err_set(e, -EINVAL, "not_after", "stay within the CA certificate's dates",
                       "the certificate would be valid when its CA is not");
    if (m->form == VAULT_FORM_SELF && m->role != VAULT_CA)
        return err_set(e, -EINVAL, "role", "give the CA's certificate as well",
                       "a certificate without an issuer can be a CA's only");
    if (!m->names.n_subject && (m->role == VAULT_CA || !m->names.n_sans))
        return err_set(e, -EINVAL, "subject", "give a subject (a CA) or alternative names",
                       "the certificate names nobody");
    /* RFC 5280 4.1.2.2: positive, 20 octets at most as DER writes it. */
    if (m->serial.n > VAULT_SERIAL_MAX ||
        (m->serial.n == VAULT_SERIAL_MAX && m->serial.p[0] > 0x7f))
        return err_set(e, -EINVAL, "serial", "use 159 random bits at most",
                       "the serial number is too long");
    return 0;
}

static int set_serial(X509 *x, const struct vault_bytes *serial, struct err *e)
{
    BIGNUM *n = BN_bin2bn(serial->p, (int)serial->n, NULL);
    bool zero = n && BN_is_zero(n);
    bool good = n && !zero && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

    BN_free(n);
    if (zero)
        return err_set(e, -EINVAL, "serial", "use a positive number", "the serial number is zero");
    return good ? 0 : no_memory(e);
}

static int fill(X509 *x, X509 *ca, EVP_PKEY *key, const struct vault_issue *m, struct err *e)
{
    GENERAL_NAMES *sans = NULL;
    bool good;
    int rc = set_serial(x, &m->serial, e);

    if (!rc)
        rc = subject_name(&m->names, X509_get_subject_name(x), e);
    if (!rc)
        rc = subject_sans(&m->names, &sans, e);
    if (rc)
        return rc;
    if (ca && !X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(ca))) {
        GENERAL_NAMES_free(sans);
        return err_set(e, -EINVAL, "subject", "choose another name",
                       "the certificate would have the name of its CA, and pass for it");
    }
    good = X509_set_version(x, X509_VERSION_3) == 1 && X509_set_pubkey(x, key) == 1 &&
           X509_set_issuer_name(x, X509_get_subject_name(ca ? ca : x)) == 1 &&
           ASN1_TIME_set(X509_getm_notBefore(x), (time_t)m->not_before) &&
           ASN1_TIME_set(X509_getm_notAfter(x), (time_t)m->not_after) &&
           !issue_extensions(x, ca ? ca : x, m, sans);
    GENERAL_NAMES_free(sans);
    return good ? 0 : no_memory(e);
}

static int build(EVP_PKEY *ca_key, X509 *ca, EVP_PKEY *key, const struct vault_issue *m,
                 unsigned char **der, struct err *e)
{
    X509 *x = X509_new();
    enum key_kind kind;
    int rc = keyfile_judge(ca_key, "ca_key", &kind, e);

    if (!rc)
        rc = x ? fill(x, ca, key, m, e) : no_memory(e);
    if (!rc && !X509_sign(x, ca_key, csr_digest(kind)))
        rc = err_set(e, -EIO, "", "report it", "the certificate can not be signed");
    *der = NULL;
    if (!rc)
        rc = i2d_X509(x, der);
    X509_free(x);
    return rc;
}

int issue_make(EVP_PKEY *ca_key, const struct vault_issue *m, unsigned char **der, struct err *e)
{
    X509 *ca = m->ca_certificate.n ? decode_cert(&m->ca_certificate) : NULL;
    EVP_PKEY *key;
    int rc = 0;

    if (m->ca_certificate.n && !ca)
        rc = err_set(e, -EBADMSG, "ca_certificate", "give one certificate as DER",
                     "the CA certificate can not be decoded");
    if (!rc && ca)
        rc = check_ca(ca_key, ca, m, e);
    if (!rc)
        rc = check_plan(ca, m, e);
    if (!rc)
        rc = subject_key(ca_key, m, &key, e);
    if (!rc) {
        rc = build(ca_key, ca, key, m, der, e);
        EVP_PKEY_free(key);
    }
    X509_free(ca);
    ERR_clear_error();
    return rc ? rc : -EIO;
}

int issue_prove(EVP_PKEY *key, const struct vault_bytes *certificate, struct err *e)
{
    X509 *x = decode_cert(certificate);
    EVP_PKEY *public = x ? X509_get0_pubkey(x) : NULL;
    enum key_kind kind;
    int rc;

    if (!x) {
        ERR_clear_error();
        return err_set(e, -EBADMSG, "certificate", "give one certificate as DER",
                       "the certificate can not be decoded");
    }
    rc = keyfile_judge(key, "key", &kind, e);
    if (!rc && (!public || keyfile_prove(key, kind, public)))
        rc = err_set(e, -EKEYREJECTED, "certificate", "name the certificate of this key",
                     "the private key does not match the certificate");
    X509_free(x);
    ERR_clear_error();
    return rc;
}
