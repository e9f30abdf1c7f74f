#include "mgmt/model/crls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/chan.h"
#include "dataplane/wire/crl.h"
#include "mgmt/model/certs.h"

#define UTC_TIME_END INT64_C(2524608000) /* 2050 begins */
#define FIX_READ     "give PEM or DER certificate revocation lists"

int64_t crls_next_update(const X509_CRL *crl)
{
    return certs_time(X509_CRL_get0_nextUpdate(crl), NULL);
}

/* An entry that speaks of another issuer's certificate makes the list an indirect one. */
static bool is_indirect(X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);

    for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++)
        if (X509_REVOKED_get_ext_by_NID(sk_X509_REVOKED_value(revoked, i), NID_certificate_issuer,
                                        -1) >= 0)
            return true;
    return false;
}

/* Of those that are known none may be critical (RFC 5280 5.2), but the scope, told before. */
static bool has_critical(X509_CRL *crl)
{
    bool found = false;

    for (int i = 0; i < X509_CRL_get_ext_count(crl) && !found; i++)
        found = X509_EXTENSION_get_critical(X509_CRL_get_ext(crl, i));
    return found;
}

/* RFC 5280 5.1.2.4: UTCTime to the end of 2049, to the second, in Zulu time. */
static bool time_good(const ASN1_TIME *t)
{
    bool utc = ASN1_STRING_type(t) == V_ASN1_UTCTIME;
    int n = ASN1_STRING_length(t);

    return n == (utc ? 13 : 15) && ASN1_STRING_get0_data(t)[n - 1] == 'Z' &&
           (utc || certs_time(t, NULL) >= UTC_TIME_END);
}

/* Why no certificate could ever be judged by the list, or NULL. */
static const char *unusable(X509_CRL *crl)
{
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    bool numbered = number != NULL;

    ASN1_INTEGER_free(number);
    if (X509_CRL_get_version(crl) != X509_CRL_VERSION_2)
        return "is not of version 2";
    if (!X509_CRL_get0_nextUpdate(crl) || crls_next_update(crl) == INT64_MIN)
        return "has no next update";
    if (!time_good(X509_CRL_get0_lastUpdate(crl)) || !time_good(X509_CRL_get0_nextUpdate(crl)))
        return "has a date that is not written as UTCTime to the second";
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        return "is a delta list";
    if (X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) >= 0)
        return "covers only a part of its issuer's certificates";
    if (!numbered)
        return "has no CRL number";
    if (has_critical(crl))
        return "has a critical extension that is not known or must not be critical";
    return is_indirect(crl) ? "lists certificates of other issuers" : NULL;
}

static int push(STACK_OF(X509_CRL) * out, X509_CRL *crl, const char *where, struct err *e)
{
    const char *fault = crl ? unusable(crl) : NULL;
    char name[128];
    int rc = 0;

    if (!crl)
        return err_set(e, -EINVAL, where, FIX_READ, "list %d of the file can not be read",
                       sk_X509_CRL_num(out) + 1);
    if (fault)
        rc = err_set(e, -EINVAL, where, "ask the CA for a complete list of its own",
                     "the CRL of %s %s", certs_subject(X509_CRL_get_issuer(crl), name), fault);
    else if (sk_X509_CRL_num(out) == CRLS_FILE_MAX || !sk_X509_CRL_push(out, crl))
        rc = err_set(e, -E2BIG, where, "give fewer", "more than %d lists in one file",
                     CRLS_FILE_MAX);
    if (rc)
        X509_CRL_free(crl);
    return rc;
}

static int read_pem(STACK_OF(X509_CRL) * out, BIO *bio, const char *where, struct err *e)
{
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    long n;
    int rc = 0;

    while (!rc && PEM_read_bio(bio, &name, &header, &der, &n) == 1) {
        const unsigned char *p = der;

        if (!strcmp(name, "X509 CRL"))
            rc = push(out, d2i_X509_CRL(NULL, &p, n), where, e);
        else
            rc = err_set(e, -EINVAL, where, FIX_READ, "holds a \"%.64s\", which is no list", name);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    if (!rc && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = err_set(e, -EINVAL, where, FIX_READ, "is damaged after %d lists",
                     sk_X509_CRL_num(out));
    return rc;
}

static int read_der(STACK_OF(X509_CRL) * out, const uint8_t *data, size_t n, const char *where,
                    struct err *e)
{
    const unsigned char *p = data;
    int rc = 0;

    while (!rc && p < data + n)
        rc = push(out, d2i_X509_CRL(NULL, &p, (long)(data + n - p)), where, e);
    return rc;
}

STACK_OF(X509_CRL) * crls_read(const uint8_t *data, size_t n, const char *where, struct err *e)
{
    STACK_OF(X509_CRL) *out = sk_X509_CRL_new_null();
    BIO *bio = BIO_new_mem_buf(data, (int)n);
    int rc = out && bio ? 0 : err_set(e, -ENOMEM, where, "free memory", "out of memory");

    if (!rc && certs_are_pem(data, n))
        rc = read_pem(out, bio, where, e);
    else if (!rc)
        rc = read_der(out, data, n, where, e);
    if (!rc && sk_X509_CRL_num(out) == 0)
        rc = err_set(e, -EINVAL, where, FIX_READ, "holds no CRL");
    BIO_free(bio);
    ERR_clear_error();
    if (rc) {
        sk_X509_CRL_pop_free(out, X509_CRL_free);
        return NULL;
    }
    return out;
}

static int compare_rows(const void *a, const void *b)
{
    return memcmp(a, b, CRL_SERIAL_ROW);
}

/* The serials as sorted rows without repetitions. */
static uint8_t *rows_of(X509_CRL *crl, uint32_t *count)
{
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    int n = sk_X509_REVOKED_num(revoked);
    uint8_t *rows = malloc((size_t)(n > 0 ? n : 1) * CRL_SERIAL_ROW);
    uint32_t used = 0, kept = 0;

    for (int i = 0; rows && i < n; i++) {
        const ASN1_INTEGER *s = X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i));

        if (crl_row(rows + (size_t)used * CRL_SERIAL_ROW, ASN1_STRING_get0_data(s),
                    (size_t)ASN1_STRING_length(s)) == 0)
            used++; /* a serial over 20 bytes belongs to no certificate that is accepted */
    }
    if (!rows)
        return NULL;
    qsort(rows, used, CRL_SERIAL_ROW, compare_rows);
    for (uint32_t i = 0; i < used; i++) {
        const uint8_t *row = rows + (size_t)i * CRL_SERIAL_ROW;

        if (kept && !memcmp(rows + (size_t)(kept - 1) * CRL_SERIAL_ROW, row, CRL_SERIAL_ROW))
            continue;
        memmove(rows + (size_t)kept++ * CRL_SERIAL_ROW, row, CRL_SERIAL_ROW);
    }
    *count = kept;
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

static int seal(const struct crl_source *s)
{
    uint8_t *mem = malloc(crl_size(s));
    struct buf b;
    int fd;

    if (!mem)
        return -ENOMEM;
    buf_init(&b, mem, crl_size(s));
    crl_put(&b, s);
    fd = buf_ok(&b) ? memfd_seal("penstock-crl", mem, b.len) : -EIO;
    free(mem);
    return fd;
}

int crls_table(X509_CRL *crl)
{
    struct crl_source s = {.key_id = (const uint8_t *)""};
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
    AUTHORITY_KEYID *aki = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    unsigned char *der = NULL, *issuer = NULL;
    int n_der = i2d_X509_CRL(crl, &der),
        n_issuer = i2d_X509_NAME(X509_CRL_get_issuer(crl), &issuer);
    uint8_t *rows = rows_of(crl, &s.count);
    int fd = -ENOMEM;

    if (number && n_der > 0 && n_issuer > 0 && rows) {
        s.this_update = certs_time(X509_CRL_get0_lastUpdate(crl), NULL);
        s.next_update = crls_next_update(crl);
        s.issuer = issuer;
        s.n_issuer = (size_t)n_issuer;
        s.der = der;
        s.n_der = (size_t)n_der;
        s.rows = rows;
        s.number = ASN1_STRING_get0_data(number);
        s.n_number = (size_t)ASN1_STRING_length(number);
        if (aki && aki->keyid) {
            s.key_id = ASN1_STRING_get0_data(aki->keyid);
            s.n_key_id = (size_t)ASN1_STRING_length(aki->keyid);
        }
        fd = find_tbs(der, s.n_der, &s.tbs_offset, &s.n_tbs);
        if (!fd)
            fd = seal(&s);
    }
    free(rows);
    AUTHORITY_KEYID_free(aki);
    ASN1_INTEGER_free(number);
    OPENSSL_free(issuer);
    OPENSSL_free(der);
    return fd;
}
