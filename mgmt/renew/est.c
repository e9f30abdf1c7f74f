#include "mgmt/renew/est.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/store/pem.h"

#define LINE 48 /* bytes */
#define FIX  "see the EST server's log"

char *est_request(const uint8_t *csr, size_t n)
{
    char *out = malloc((n / LINE + 1) * 66 + 1);
    size_t used = 0;

    for (size_t at = 0; out && at < n; at += LINE) {
        size_t part = n - at < LINE ? n - at : LINE;

        used += (size_t)EVP_EncodeBlock((unsigned char *)out + used, csr + at, (int)part);
        out[used++] = '\n';
        out[used] = '\0';
    }
    return out;
}

/* Base64 in any layout; the bytes are the caller's. NULL: it is none, or out of memory. */
static uint8_t *decode(const uint8_t *text, size_t n, size_t *size)
{
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    uint8_t *out = malloc(n + 4);
    int part = 0, last = 0;
    bool good = ctx && out && n <= EST_BYTES_MAX;

    if (good) {
        EVP_DecodeInit(ctx);
        good = EVP_DecodeUpdate(ctx, out, &part, text, (int)n) >= 0 &&
               EVP_DecodeFinal(ctx, out + part, &last) == 1;
    }
    EVP_ENCODE_CTX_free(ctx);
    if (good) {
        *size = (size_t)(part + last);
        return out;
    }
    free(out);
    return NULL;
}

static STACK_OF(X509) * certs_of(const PKCS7 *p7)
{
    if (!p7 || !PKCS7_type_is_signed(p7) || !p7->d.sign)
        return NULL;
    return p7->d.sign->cert;
}

STACK_OF(X509) * est_certs(const uint8_t *body, size_t n, struct err *e)
{
    size_t size = 0;
    uint8_t *der = decode(body, n, &size);
    const unsigned char *at = der;
    PKCS7 *p7 = der ? d2i_PKCS7(NULL, &at, (long)size) : NULL;
    STACK_OF(X509) *certs = certs_of(p7), *out = NULL;

    if (!certs || at != der + size)
        err_set(e, -EINVAL, "/est", FIX, "the answer is no certs-only PKCS#7 in base64");
    else if (sk_X509_num(certs) < 1 || sk_X509_num(certs) > EST_CERTS_MAX)
        err_set(e, -EINVAL, "/est", FIX, "the answer has %d certificates instead of 1 to %d",
                sk_X509_num(certs), EST_CERTS_MAX);
    else if (!(out = X509_chain_up_ref(certs)))
        err_set(e, -ENOMEM, "/est", "free memory", "out of memory");
    PKCS7_free(p7);
    free(der);
    ERR_clear_error();
    return out;
}

/* ---- the chain ---- */

static bool has_key(X509 *x, const uint8_t *spki, size_t n)
{
    unsigned char *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    bool same = size > 0 && (size_t)size == n && !memcmp(der, spki, n);

    OPENSSL_free(der);
    return same;
}

static X509 *issuer_in(STACK_OF(X509) * heap, X509 *of)
{
    for (int i = 0; i < sk_X509_num(heap); i++) {
        X509 *x = sk_X509_value(heap, i);

        if (X509_check_issued(x, of) == X509_V_OK && X509_verify(of, X509_get0_pubkey(x)) == 1)
            return x;
    }
    return NULL;
}

static bool is_root(X509 *x)
{
    return !X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x));
}

/* One more certificate behind the text. */
static bool append(char **text, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    char *pem = n > 0 ? pem_text("CERTIFICATE", der, (size_t)n) : NULL;
    size_t had = *text ? strlen(*text) : 0;
    char *more = pem ? realloc(*text, had + strlen(pem) + 1) : NULL;

    if (more) {
        memcpy(more + had, pem, strlen(pem) + 1);
        *text = more;
    }
    OPENSSL_free(der);
    free(pem);
    return more != NULL;
}

char *est_chain(STACK_OF(X509) * issued, STACK_OF(X509) * authorities, const uint8_t *spki,
                size_t n_spki, struct err *e)
{
    X509 *at = NULL;
    char *text = NULL;

    for (int i = 0; i < sk_X509_num(issued) && !at; i++)
        if (has_key(sk_X509_value(issued, i), spki, n_spki))
            at = sk_X509_value(issued, i);
    if (!at) {
        err_set(e, -EINVAL, "/est", FIX, "the server issued a certificate for another key");
        return NULL;
    }
    for (int i = 0; i < EST_CHAIN_MAX && at; i++) {
        X509 *next;

        if (!append(&text, at)) {
            free(text);
            err_set(e, -ENOMEM, "/est", "free memory", "out of memory");
            return NULL;
        }
        next = issuer_in(issued, at);
        next = next ? next : issuer_in(authorities, at);
        at = next && !is_root(next) ? next : NULL;
    }
    ERR_clear_error();
    return text;
}

/* ---- names ---- */

static const struct {
    int nid;
    enum vault_attribute type;
} attributes[] = {
    {NID_countryName, VAULT_C},
    {NID_stateOrProvinceName, VAULT_ST},
    {NID_localityName, VAULT_L},
    {NID_organizationName, VAULT_O},
    {NID_organizationalUnitName, VAULT_OU},
    {NID_commonName, VAULT_CN},
    {NID_pkcs9_emailAddress, VAULT_EMAIL_ADDRESS},
    {NID_serialNumber, VAULT_SERIAL_NUMBER},
};

static int cannot(struct err *e, const char *what)
{
    return err_set(e, -EINVAL, "/est", "ask for the certificate by hand (csr, install)",
                   "the certificate has %s, which no request of the gateway can have", what);
}

static int keep(struct est_names *out, struct vault_pair *pair, uint8_t type, unsigned char *text,
                size_t n)
{
    out->text[out->n++] = text;
    *pair = (struct vault_pair){.type = type, .value = {text, n}};
    return 0;
}

static int add_subject(struct est_names *out, const X509_NAME_ENTRY *entry, struct err *e)
{
    int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)), n;
    unsigned char *text = NULL;

    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (attributes[i].nid != nid)
            continue;
        if (out->names.n_subject == VAULT_SUBJECT_MAX)
            return cannot(e, "more attributes in its subject than can be asked for");
        n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
        if (n <= 0)
            return cannot(e, "an unreadable subject");
        return keep(out, &out->names.subject[out->names.n_subject++], (uint8_t)attributes[i].type,
                    text, (size_t)n);
    }
    return cannot(e, "an uncommon attribute in its subject");
}

/* Text of an IA5String or of an address, as OpenSSL's memory. Length, or -1. */
static int san_text(const GENERAL_NAME *san, unsigned char **text)
{
    const ASN1_OCTET_STRING *ip = san->d.iPAddress;
    char *address;

    if (san->type != GEN_IPADD)
        return ASN1_STRING_to_UTF8(text, san->d.ia5);
    address = OPENSSL_zalloc(INET6_ADDRSTRLEN);
    *text = (unsigned char *)address;
    if (!address || (ip->length != 4 && ip->length != 16) ||
        !inet_ntop(ip->length == 4 ? AF_INET : AF_INET6, ip->data, address, INET6_ADDRSTRLEN))
        return -1;
    return (int)strlen(address);
}

static int add_san(struct est_names *out, const GENERAL_NAME *san, struct err *e)
{
    int type = san->type == GEN_DNS     ? VAULT_DNS
               : san->type == GEN_URI   ? VAULT_URI
               : san->type == GEN_EMAIL ? VAULT_EMAIL
               : san->type == GEN_IPADD ? VAULT_IP
                                        : -1;
    unsigned char *text = NULL;
    int n = type < 0 || out->names.n_sans == VAULT_SANS_MAX ? -1 : san_text(san, &text);

    if (n > 0)
        return keep(out, &out->names.sans[out->names.n_sans++], (uint8_t)type, text, (size_t)n);
    OPENSSL_free(text);
    return cannot(e, "an uncommon alternative name");
}

int est_names_of(X509 *x, struct est_names *out, struct err *e)
{
    GENERAL_NAMES *sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    const X509_NAME *subject = X509_get_subject_name(x);
    int rc = 0;

    memset(out, 0, sizeof *out);
    for (int i = 0; i < X509_NAME_entry_count(subject) && !rc; i++)
        rc = add_subject(out, X509_NAME_get_entry(subject, i), e);
    for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !rc; i++)
        rc = add_san(out, sk_GENERAL_NAME_value(sans, i), e);
    GENERAL_NAMES_free(sans);
    if (rc)
        est_names_free(out);
    return rc;
}

void est_names_free(struct est_names *n)
{
    for (unsigned i = 0; i < n->n; i++)
        OPENSSL_free(n->text[i]);
    memset(n, 0, sizeof *n);
}
