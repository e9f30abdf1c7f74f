#include "mgmt/authority_issue.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"
#include "mgmt/api/names_in.h"
#include "mgmt/manager.h"
#include "mgmt/model/names.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"
#include "mgmt/store/pem.h"

#define DAY       86400
#define CA_DAYS   7300
#define SKEW      300  /* a client's clock may be late */
#define CA_SKEW   3600 /* no certificate begins before its CA's */
#define SERIAL    16
#define CSR_MAX   (16 * 1024)
#define CERTS_MAX (64 * 1024)

/* Ask the vault and wait. The request is made in `mem`, of CHAN_BODY_MAX bytes. */
static int ask(struct manager *m, uint8_t type, struct buf *b, struct vault_answer *a,
               struct err *e)
{
    if (!buf_ok(b))
        return err_set(e, -EINVAL, "/", "give fewer or shorter names", "the names are too long");
    return vaultline_wait(m, type, b, a, e);
}

/* Make a key and keep it; ref gets its name. */
static int make_key(struct manager *m, char ref[KEYS_REF_MAX], struct err *e)
{
    struct vault_make q = {.kind = VAULT_EC_P256};
    struct keys_row row = {.origin = "made"};
    struct vault_answer a;
    uint8_t mem[16];
    char kind[64];
    struct buf b;
    int rc;

    buf_init(&b, mem, sizeof mem);
    vault_put_make(&b, &q);
    rc = ask(m, VAULT_MAKE, &b, &a, e);
    if (rc)
        return rc;
    keys_ref(a.spki.p, a.spki.n, ref);
    keys_kind(a.spki.p, a.spki.n, kind);
    row.wrapped = a.key.p;
    row.n_wrapped = a.key.n;
    row.spki = a.spki.p;
    row.n_spki = a.spki.n;
    row.kind = kind;
    rc = keys_put(&row);
    return rc ? err_set(e, rc, "/", "free disk space in the state directory",
                        "the key can not be kept (%s)", strerror(-rc))
              : 0;
}

/* The parts of a request that are on the heap. */
struct parts {
    uint8_t *wrapped, *ca, *subject;
};

static void parts_free(struct parts *p)
{
    free(p->wrapped);
    OPENSSL_free(p->ca);
    OPENSSL_free(p->subject);
}

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

/* The one certificate of an object as DER; bytes, or -errno. */
static int cert_der(const char *ref, unsigned char **der)
{
    uint8_t *pem;
    X509 *x = NULL;
    BIO *bio;
    size_t n;
    int rc = objects_get(ref, CERTS_MAX, &pem, &n);

    if (rc)
        return rc;
    bio = BIO_new_mem_buf(pem, (int)n);
    if (bio)
        x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    *der = NULL;
    rc = x ? i2d_X509(x, der) : -EBADMSG;
    X509_free(x);
    BIO_free(bio);
    free(pem);
    return rc > 0 ? rc : -EBADMSG;
}

static int lost(int rc, struct err *e)
{
    return err_set(e, rc, "/management", "remove authority.json to begin with a new authority",
                   "the management CA is not there any more (%s)", strerror(-rc));
}

/* The CA's half of a request. */
static int of_ca(const json_t *ca, struct vault_issue *q, struct parts *p, struct err *e)
{
    int rc = keys_get(word(ca, "key"), &p->wrapped, &q->ca_key.n), n;

    if (rc)
        return lost(rc, e);
    n = cert_der(word(ca, "certificate"), &p->ca);
    if (n < 0)
        return lost(n, e);
    q->ca_key.p = p->wrapped;
    q->ca_certificate = (struct vault_bytes){p->ca, (size_t)n};
    return 0;
}

/* Send it, and keep what comes. */
static int issue(struct manager *m, struct vault_issue *q, struct issued *out, struct err *e)
{
    uint8_t serial[SERIAL], *mem = malloc(CHAN_BODY_MAX);
    struct vault_answer a;
    struct buf b;
    int rc;

    if (!mem || RAND_bytes(serial, sizeof serial) != 1) {
        free(mem);
        return err_set(e, -ENOMEM, "/", "free memory", "out of memory");
    }
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    q->serial = (struct vault_bytes){serial, sizeof serial};
    buf_init(&b, mem, CHAN_BODY_MAX);
    vault_put_issue(&b, q);
    rc = ask(m, VAULT_ISSUE, &b, &a, e);
    free(mem);
    if (rc)
        return rc;
    out->not_after = q->not_after;
    out->pem = pem_text("CERTIFICATE", a.ders[0].p, a.ders[0].n);
    rc = out->pem ? objects_put(out->pem, strlen(out->pem), out->object) : -ENOMEM;
    if (!rc)
        return 0;
    free(out->pem);
    out->pem = NULL;
    return err_set(e, rc, "/", "free disk space in the state directory",
                   "the certificate can not be kept (%s)", strerror(-rc));
}

int issue_authority(struct manager *m, struct issued *out, struct err *e)
{
    int64_t now = clock_wall_s();
    struct vault_issue q = {.form = VAULT_FORM_SELF,
                            .role = VAULT_CA,
                            .not_before = now - CA_SKEW,
                            .not_after = now + (int64_t)CA_DAYS * DAY};
    char name[64];
    struct parts p = {0};
    int rc = make_key(m, out->key, e);

    if (rc)
        return rc;
    snprintf(name, sizeof name, "Penstock management CA %.8s", out->key + strlen("spki:"));
    names_in_subject(&q.names, VAULT_CN, name);
    rc = keys_get(out->key, &p.wrapped, &q.ca_key.n);
    q.ca_key.p = p.wrapped;
    rc = rc ? lost(rc, e) : issue(m, &q, out, e);
    parts_free(&p);
    return rc;
}

static void add_names(struct vault_names *to, const json_t *names)
{
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);

        names_in_san(to, name_is_ip(text) ? VAULT_IP : VAULT_DNS, text);
    }
}

/* The public half of a key that is held. Bytes, or -errno. */
static int spki_of(const char *ref, unsigned char **der)
{
    json_t *row = keys_describe(ref);
    const char *pem = json_string_value(json_object_get(row, "public_key"));
    BIO *bio = pem ? BIO_new_mem_buf(pem, -1) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    int n;

    *der = NULL;
    n = key ? i2d_PUBKEY(key, der) : -1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    json_decref(row);
    return n > 0 ? n : -EBADMSG;
}

int issue_server(struct manager *m, const json_t *ca, const json_t *names, struct issued *out,
                 struct err *e)
{
    int64_t now = clock_wall_s();
    struct vault_issue q = {.form = VAULT_FORM_SPKI,
                            .role = VAULT_SERVER,
                            .not_before = now - SKEW,
                            .not_after = now + (int64_t)AUTHORITY_LIFE_DAYS * DAY};
    struct parts p = {0};
    int rc = out->key[0] ? 0 : make_key(m, out->key, e), n;

    if (!rc)
        rc = of_ca(ca, &q, &p, e);
    if (!rc) {
        n = spki_of(out->key, &p.subject);
        if (n < 0)
            rc = lost(n, e);
        q.subject_key = (struct vault_bytes){p.subject, n > 0 ? (size_t)n : 0};
    }
    names_in_subject(&q.names, VAULT_CN, "Penstock management");
    add_names(&q.names, names);
    if (!rc)
        rc = issue(m, &q, out, e);
    parts_free(&p);
    return rc;
}

/* PKCS#10 out of PEM; its key's name into ref. Bytes, or -errno with *e. */
static int read_csr(const char *pem, unsigned char **der, char ref[KEYS_REF_MAX], struct err *e)
{
    BIO *bio = strlen(pem) <= CSR_MAX ? BIO_new_mem_buf(pem, -1) : NULL;
    X509_REQ *req = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
    unsigned char *spki = NULL;
    int n, n_spki = req ? i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &spki) : -1;

    *der = NULL;
    n = n_spki > 0 ? i2d_X509_REQ(req, der) : -1;
    if (n > 0)
        keys_ref(spki, (size_t)n_spki, ref);
    OPENSSL_free(spki);
    X509_REQ_free(req);
    BIO_free(bio);
    return n > 0 ? n
                 : err_set(e, -EINVAL, "/csr", "make one with openssl req -new",
                           "is no certificate request (PKCS#10 in PEM)");
}

int issue_client(struct manager *m, const json_t *ca, const char *name, const char *csr,
                 struct issued *out, struct err *e)
{
    int64_t now = clock_wall_s();
    struct vault_issue q = {.form = VAULT_FORM_CSR,
                            .role = VAULT_CLIENT,
                            .not_before = now - SKEW,
                            .not_after = now + (int64_t)AUTHORITY_LIFE_DAYS * DAY};
    char uri[160];
    struct parts p = {0};
    int n = read_csr(csr, &p.subject, out->key, e), rc = n < 0 ? n : 0;

    q.subject_key = (struct vault_bytes){p.subject, n > 0 ? (size_t)n : 0};
    snprintf(uri, sizeof uri, "urn:penstock:administrator:%.100s", name);
    names_in_subject(&q.names, VAULT_CN, name);
    names_in_san(&q.names, VAULT_URI, uri);
    if (!rc)
        rc = of_ca(ca, &q, &p, e);
    if (!rc)
        rc = issue(m, &q, out, e);
    parts_free(&p);
    return rc;
}
