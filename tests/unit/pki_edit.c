/* Certificates and CRLs that no library would make: one field replaced by bytes, signed anew. */
#include <string.h>
#include "tests/unit/hex.h"
#include "tests/unit/pki.h"

/* Bytes that grow at the end. */
struct bytes {
    uint8_t at[16384];
    size_t n;
};

static void add(struct bytes *b, const void *data, size_t n)
{
    MUST(b->n + n <= sizeof b->at);
    memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void add_header(struct bytes *b, uint8_t tag, size_t n)
{
    const uint8_t header[] = {tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n};

    if (n < 0x80)
        add(b, (const uint8_t[]){tag, (uint8_t)n}, 2);
    else if (n < 0x100)
        add(b, (const uint8_t[]){tag, 0x81, (uint8_t)n}, 3);
    else
        add(b, header, sizeof header);
}

static void add_wrapped(struct bytes *b, const struct bytes *content)
{
    add_header(b, 0x30, content->n);
    add(b, content->at, content->n);
}

/* The length of the element at p, its header included; its content begins at *in. */
static size_t element(const uint8_t *p, size_t left, const uint8_t **in)
{
    const unsigned char *at = p;
    int tag, class;
    long n;

    MUST(!(ASN1_get_object(&at, &n, &tag, &class, (long)left) & 0x80));
    if (in)
        *in = at;
    return (size_t)(at - p) + (size_t)n;
}

static void add_signature(struct bytes *b, EVP_PKEY *key, const struct bytes *tbs)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sig[1024] = {0};
    size_t n = sizeof sig - 1;

    MUST(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
    MUST(EVP_DigestSign(ctx, sig + 1, &n, tbs->at, tbs->n) == 1);
    add_header(b, 0x03, n + 1);
    add(b, sig, n + 1);
    EVP_MD_CTX_free(ctx);
}

/* der with the at-th field of its signed part replaced; signed by key. */
static void edit(struct bytes *out, const uint8_t *der, size_t n, int at, const char *hex,
                 EVP_PKEY *key)
{
    static struct bytes content, tbs, whole;
    const uint8_t *p, *end, *alg;
    uint8_t with[2048];

    content.n = tbs.n = whole.n = out->n = 0;
    element(der, n, &p);
    alg = p + element(p, n, NULL);
    element(p, n, &p);
    for (end = alg; p < end; at--) {
        size_t size = element(p, (size_t)(end - p), NULL);

        if (at == 0)
            add(&content, with, unhex(hex, with, sizeof with));
        else
            add(&content, p, size);
        p += size;
    }
    if (at == 0) /* behind the last */
        add(&content, with, unhex(hex, with, sizeof with));
    add_wrapped(&tbs, &content);
    add(&whole, tbs.at, tbs.n);
    add(&whole, alg, element(alg, n, NULL));
    add_signature(&whole, key, &tbs);
    add_wrapped(out, &whole);
}

static void *keep_if_read(void *p)
{
    ERR_clear_error();
    return p ? pki_keep(p) : NULL;
}

X509 *pki_edit(const struct pki_cert *issuer, X509 *x, enum pki_field at, const char *hex)
{
    static struct bytes out;
    unsigned char *der = NULL;
    const unsigned char *p = out.at;
    int n = i2d_X509(x, &der);

    MUST(n > 0);
    edit(&out, der, (size_t)n, (int)at, hex, issuer->key);
    OPENSSL_free(der);
    return keep_if_read(d2i_X509(NULL, &p, (long)out.n));
}

X509_CRL *pki_edit_crl(const struct pki_cert *issuer, X509_CRL *crl, enum pki_crl_field at,
                       const char *hex)
{
    static struct bytes out;
    unsigned char *der = NULL;
    const unsigned char *p = out.at;
    int n = i2d_X509_CRL(crl, &der);

    MUST(n > 0);
    edit(&out, der, (size_t)n, (int)at, hex, issuer->key);
    OPENSSL_free(der);
    return keep_if_read(d2i_X509_CRL(NULL, &p, (long)out.n));
}
