#include "handshake/keyring/vaultwork.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "dataplane/base/check.h"
#include "handshake/keyring/csr.h"
#include "handshake/keyring/import.h"
#include "handshake/keyring/issue.h"
#include "handshake/keyring/keyfile.h"
#include "handshake/keyring/makekey.h"

/* What the answer points into, besides the request. */
struct work {
    struct vaultjob *job;
    bool malformed;
    struct vault_answer answer;
    uint8_t key[VAULT_KEY_MAX];
    unsigned char *spki, *ders[VAULT_DERS_MAX];
};

static int malformed(struct work *w)
{
    w->malformed = true;
    return -EPROTO;
}

/* The answer of MAKE, IMPORT and WRAP. */
static int give_key(struct work *w, const EVP_PKEY *key, struct err *e)
{
    struct vault_answer *a = &w->answer;
    size_t n = sizeof(w->key);
    int n_spki, rc = wrap_seal(w->job->kek, key, w->key, &n, e);

    if (rc)
        return rc;
    n_spki = wrap_spki(key, &w->spki);
    if (n_spki < 0)
        return err_set(e, n_spki, "", "report it", "the public key can not be encoded");
    a->key = (struct vault_bytes){w->key, n};
    a->spki = (struct vault_bytes){w->spki, (size_t)n_spki};
    return 0;
}

/* Takes der, which is OpenSSL's. */
static int give_der(struct work *w, unsigned char *der, int n, struct err *e)
{
    struct vault_answer *a = &w->answer;
    size_t total = 0;

    if (n <= 0)
        return err_set(e, -EIO, "", "report it", "what was made can not be encoded");
    if (a->n_ders == VAULT_DERS_MAX) {
        OPENSSL_free(der);
        return err_set(e, -E2BIG, "", "leave certificates out", "more than %d certificates",
                       VAULT_DERS_MAX);
    }
    w->ders[a->n_ders] = der;
    a->ders[a->n_ders++] = (struct vault_bytes){der, (size_t)n};
    for (unsigned i = 0; i < a->n_ders; i++)
        total += a->ders[i].n;
    if (n > VAULT_DER_MAX || total > VAULT_DERS_BYTES)
        return err_set(e, -E2BIG, "", "leave names or certificates out",
                       "certificates of more than %d bytes, or %d together", VAULT_DER_MAX,
                       VAULT_DERS_BYTES);
    return 0;
}

static int do_make(struct work *w, struct err *e)
{
    struct vault_make m;
    EVP_PKEY *key;
    int rc;

    if (vault_get_make(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    rc = makekey(m.kind, w->job->stop, &key, e);
    if (rc)
        return rc;
    rc = give_key(w, key, e);
    EVP_PKEY_free(key);
    return rc;
}

static int do_import(struct work *w, struct err *e)
{
    struct imported found;
    struct vault_import m;
    const void *file;
    size_t n;
    int rc;

    if (vault_get_import(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    rc = memfd_map(w->job->fd, VAULT_PKCS12_MAX, &file, &n);
    if (rc)
        return err_set(e, rc, "", "give one PEM or PKCS#12 file of at most 1 MiB",
                       "the file can not be read (%s)", strerror(-rc));
    rc = import_read(file, n, &m.passphrase, &found, e);
    munmap((void *)(uintptr_t)file, n);
    if (rc)
        return rc;
    rc = give_key(w, found.key, e);
    for (unsigned i = 0; i < found.n_certs && !rc; i++) {
        unsigned char *der = NULL;
        int n_der = i2d_X509(found.certs[i], &der);

        rc = give_der(w, der, n_der, e);
    }
    imported_fini(&found);
    return rc;
}

static int do_wrap(struct work *w, struct err *e)
{
    struct vault_wrap m;
    enum key_kind kind;
    EVP_PKEY *key;
    int rc;

    if (vault_get_wrap(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    if (w->job->fd < 0)
        return err_set(e, -ENOENT, "", "ask the launcher to open the key file first",
                       "no copy of a key file has this token");
    rc = keyfile_read(w->job->fd, w->job->kek, "", &key, &kind, e);
    if (rc)
        return rc;
    rc = import_prove(key, kind, e);
    if (!rc)
        rc = give_key(w, key, e);
    EVP_PKEY_free(key);
    return rc;
}

static int open_key(struct work *w, const struct vault_bytes *wrapped, EVP_PKEY **key,
                    struct err *e)
{
    return wrap_open(w->job->kek, wrapped->p, wrapped->n, "", key, e);
}

static int do_csr(struct work *w, struct err *e)
{
    struct vault_csr m;
    unsigned char *der = NULL;
    EVP_PKEY *key;
    int rc, n;

    if (vault_get_csr(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    rc = open_key(w, &m.key, &key, e);
    if (rc)
        return rc;
    n = csr_make(key, &m.names, &der, e);
    EVP_PKEY_free(key);
    return n < 0 ? n : give_der(w, der, n, e);
}

static int do_issue(struct work *w, struct err *e)
{
    struct vault_issue m;
    unsigned char *der = NULL;
    EVP_PKEY *key;
    int rc, n;

    if (vault_get_issue(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    rc = open_key(w, &m.ca_key, &key, e);
    if (rc)
        return rc;
    n = issue_make(key, &m, &der, e);
    EVP_PKEY_free(key);
    return n < 0 ? n : give_der(w, der, n, e);
}

static int do_prove(struct work *w, struct err *e)
{
    struct vault_prove m;
    EVP_PKEY *key;
    int rc;

    if (vault_get_prove(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    rc = open_key(w, &m.key, &key, e);
    if (rc)
        return rc;
    rc = issue_prove(key, &m.certificate, e);
    EVP_PKEY_free(key);
    return rc;
}

struct work_row {
    uint8_t type;
    bool file;
    int (*run)(struct work *w, struct err *e);
};

static const struct work_row rows[] = {
    {VAULT_MAKE, false, do_make}, {VAULT_IMPORT, true, do_import}, {VAULT_WRAP, false, do_wrap},
    {VAULT_CSR, false, do_csr},   {VAULT_ISSUE, false, do_issue},  {VAULT_PROVE, false, do_prove},
};

static const struct work_row *row_of(uint8_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == type)
            return &rows[i];
    }
    return NULL;
}

bool vaultwork_takes_file(uint8_t type)
{
    const struct work_row *row = row_of(type);

    return row && row->file;
}

/* An error is told without anything that was found on the way to it. */
static void tell(struct vault_answer *a, int rc, const struct err *e)
{
    *a = (struct vault_answer){.request = a->request, .error = -rc, .why = *e};
}

int vaultwork(struct vaultjob *job)
{
    const struct work_row *row = row_of(job->type);
    struct work w = {.job = job};
    struct err e = {.what = ""};
    int rc;

    if (!row)
        return -EPROTO;
    rc = row->run(&w, &e);
    if (rc)
        tell(&w.answer, rc, &e);
    if (!w.malformed)
        vault_put_answer(&job->out, &w.answer);
    OPENSSL_free(w.spki);
    for (size_t i = 0; i < VAULT_DERS_MAX; i++)
        OPENSSL_free(w.ders[i]);
    ERR_clear_error();
    return w.malformed ? -EPROTO : 0;
}
