#include "mgmt/model/certs.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/wire/chan.h"
#include "dataplane/wire/crl.h"

#define CERTS_MAX 64

static bool is_pem(const uint8_t *data, size_t n)
{
    return memmem(data, n, "-----BEGIN ", 11) != NULL;
}

STACK_OF(X509) * certs_read(const uint8_t *data, size_t n, const char *where, struct err *e)
{
    STACK_OF(X509) *out = sk_X509_new_null();
    BIO *bio = BIO_new_mem_buf(data, (int)n);
    X509 *x;

    if (is_pem(data, n)) {
        while (out && bio && sk_X509_num(out) < CERTS_MAX &&
               (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
            sk_X509_push(out, x);
        if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
            sk_X509_pop_free(out, X509_free);
            out = NULL;
        }
    } else if (bio && (x = d2i_X509_bio(bio, NULL))) {
        sk_X509_push(out, x);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (sk_X509_num(out) < 1) {
        sk_X509_pop_free(out, X509_free);
        err_set(e, -EINVAL, where, "give PEM or DER certificates",
                "holds no certificate that can be read");
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

static const char *common_name(X509 *x, char out[128])
{
    X509_NAME_oneline(X509_get_subject_name(x), out, 128);
    return out;
}

int certs_order(STACK_OF(X509) * chain, const char *where, struct err *e)
{
    X509 *at = sk_X509_value(chain, 0), *next;
    STACK_OF(X509) *rest = sk_X509_new_null();
    char name[128];
    int rc = 0;

    if (X509_check_ca(at) > 0 && sk_X509_num(chain) > 1) {
        sk_X509_free(rest);
        return err_set(e, -EINVAL, where,
                       "put the gateway's own certificate first, then its issuers",
                       "begins with the CA certificate %s", common_name(at, name));
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
                     common_name(sk_X509_value(rest, 0), name));
    sk_X509_pop_free(rest, X509_free);
    return rc;
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
    return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ML-DSA-44") ||
           EVP_PKEY_is_a(key, "ML-DSA-65") || EVP_PKEY_is_a(key, "ML-DSA-87");
}

static int64_t when(const ASN1_TIME *t, char text[32])
{
    struct tm tm;

    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    if (text)
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return (int64_t)timegm(&tm);
}

int certs_check_own(X509 *leaf, const char *where, struct err *e)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    int64_t now = (int64_t)time(NULL);
    char text[32] = "";

    if (!key || !key_type_good(key))
        return err_set(e, -EINVAL, where,
                       "use EC P-256 or P-384, RSA 2048 to 4096, Ed25519 or ML-DSA",
                       "the certificate has a key of another type or size");
    if (when(X509_get0_notAfter(leaf), text) < now)
        return err_set(e, -EINVAL, where, "install a renewed certificate",
                       "the certificate expired at %s", text);
    if (when(X509_get0_notBefore(leaf), text) > now)
        return err_set(e, -EINVAL, where, "wait, or check this machine's clock",
                       "the certificate is not valid before %s", text);
    return 0;
}

static X509_CRL *crl_read(const uint8_t *data, size_t n)
{
    BIO *bio = BIO_new_mem_buf(data, (int)n);
    X509_CRL *crl = !bio              ? NULL
                    : is_pem(data, n) ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)
                                      : d2i_X509_CRL_bio(bio, NULL);

    BIO_free(bio);
    ERR_clear_error();
    return crl;
}

static int compare_rows(const void *a, const void *b)
{
    return memcmp(a, b, CRL_SERIAL_ROW);
}

/* The serials as sorted rows without repetitions. */
static uint8_t *crl_rows(X509_CRL *crl, uint32_t *count)
{
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    int n = sk_X509_REVOKED_num(revoked);
    uint8_t *rows = malloc((size_t)(n > 0 ? n : 1) * CRL_SERIAL_ROW);
    uint32_t used = 0;

    for (int i = 0; rows && i < n; i++) {
        const ASN1_INTEGER *s = X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i));
        if (crl_row(rows + (size_t)used * CRL_SERIAL_ROW, ASN1_STRING_get0_data(s),
                    (size_t)ASN1_STRING_length(s)) == 0)
            used++; /* a serial over 20 bytes belongs to no certificate that is accepted */
    }
    if (!rows)
        return NULL;
    qsort(rows, used, CRL_SERIAL_ROW, compare_rows);
    *count = 0;
    for (uint32_t i = 0; i < used; i++)
        if (i == 0 || memcmp(rows + (size_t)(*count - 1) * CRL_SERIAL_ROW,
                             rows + (size_t)i * CRL_SERIAL_ROW, CRL_SERIAL_ROW))
            memmove(rows + (size_t)(*count)++ * CRL_SERIAL_ROW, rows + (size_t)i * CRL_SERIAL_ROW,
                    CRL_SERIAL_ROW);
    return rows;
}

/* Where the signed part lies inside CertificateList ::= SEQUENCE { tbsCertList SEQUENCE ... }. */
static int find_tbs(const uint8_t *der, size_t n, uint32_t *offset, uint32_t *len)
{
    const unsigned char *p = der, *tbs;
    long size;
    int tag, class;

    if (ASN1_get_object(&p, &size, &tag, &class, (long)n) & 0x80)
        return -EINVAL;
    tbs = p;
    if (ASN1_get_object(&p, &size, &tag, &class, (long)n - (p - der)) & 0x80)
        return -EINVAL;
    *offset = (uint32_t)(tbs - der);
    *len = (uint32_t)(p - tbs + size);
    return 0;
}

static int crl_seal(X509_CRL *crl, struct crl_source *s)
{
    unsigned char *der = NULL, *issuer = NULL;
    int n_der = i2d_X509_CRL(crl, &der),
        n_issuer = i2d_X509_NAME(X509_CRL_get_issuer(crl), &issuer), fd = -ENOMEM;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    AUTHORITY_KEYID *aki = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    uint8_t *rows = crl_rows(crl, &s->count), *mem = NULL;
    struct buf b;

    if (n_der > 0 && n_issuer > 0 && rows &&
        !find_tbs(der, (size_t)n_der, &s->tbs_offset, &s->n_tbs)) {
        s->issuer = issuer;
        s->n_issuer = (size_t)n_issuer;
        s->der = der;
        s->n_der = (size_t)n_der;
        s->rows = rows;
        s->number = number ? ASN1_STRING_get0_data(number) : (const uint8_t *)"";
        s->n_number = number ? (size_t)ASN1_STRING_length(number) : 0;
        s->key_id = aki && aki->keyid ? ASN1_STRING_get0_data(aki->keyid) : (const uint8_t *)"";
        s->n_key_id = aki && aki->keyid ? (size_t)ASN1_STRING_length(aki->keyid) : 0;
        mem = malloc(crl_size(s));
    }
    if (mem) {
        buf_init(&b, mem, crl_size(s));
        crl_put(&b, s);
        fd = buf_ok(&b) ? memfd_seal("penstock-crl", mem, b.len) : -EIO;
    }
    free(mem);
    free(rows);
    AUTHORITY_KEYID_free(aki);
    ASN1_INTEGER_free(number);
    OPENSSL_free(issuer);
    OPENSSL_free(der);
    return fd;
}

int certs_crl_table(const uint8_t *data, size_t n, const char *where, bool *stale, struct err *e)
{
    X509_CRL *crl = crl_read(data, n);
    struct crl_source s = {0};
    int fd;

    if (!crl)
        return err_set(e, -EINVAL, where, "give a PEM or DER certificate revocation list",
                       "holds no CRL that can be read");
    s.this_update = when(X509_CRL_get0_lastUpdate(crl), NULL);
    s.next_update = when(X509_CRL_get0_nextUpdate(crl), NULL);
    *stale = s.next_update <= (int64_t)time(NULL);
    fd = s.next_update ? crl_seal(crl, &s) : -EINVAL;
    X509_CRL_free(crl);
    if (fd < 0)
        return err_set(e, fd, where,
                       s.next_update ? "free memory" : "ask the CA for a CRL with a next update",
                       s.next_update ? "can not be compiled" : "the CRL has no next update");
    return fd;
}
