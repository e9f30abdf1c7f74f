#include "handshake/keyring/vaultwork.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "handshake/keyring/backupkey.h"
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
    uint8_t stream[BACKUP_KEY], sealed[WRAP_KEK];
};

static int malformed(struct work *w)
{
    w->malformed = true;
    return -EPROTO;
}

/* A key under that KEK, and its public half. */
static int give_under(struct work *w, const struct kek *kek, const EVP_PKEY *key, struct err *e)
{
    struct vault_answer *a = &w->answer;
    size_t n = sizeof(w->key);
    int n_spki, rc = wrap_seal(kek, key, w->key, &n, e);

    if (rc)
        return rc;
    n_spki = wrap_spki(key, &w->spki);
    if (n_spki < 0)
        return err_set(e, n_spki, "", "report it", "the public key can not be encoded");
    a->key = (struct vault_bytes){w->key, n};
    a->spki = (struct vault_bytes){w->spki, (size_t)n_spki};
    return 0;
}

/* The answer of MAKE, IMPORT and WRAP. */
static int give_key(struct work *w, const EVP_PKEY *key, struct err *e)
{
    return give_under(w, w->job->kek, key, e);
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

static int do_backup(struct work *w, struct err *e)
{
    struct vault_backup m;
    struct kek *inner;
    int rc;

    if (vault_get_backup(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    rc = backupkey_derive(&m.head, m.passphrase.p, m.passphrase.n, w->stream, &inner, e);
    if (rc)
        return rc;
    rc = wrap_seal_kek(w->job->kek, inner, w->sealed, e);
    kek_free(inner);
    if (rc)
        return rc;
    w->answer.stream = (struct vault_bytes){w->stream, sizeof(w->stream)};
    w->answer.sealed = (struct vault_bytes){w->sealed, sizeof(w->sealed)};
    return 0;
}

/*
 * A key leaves the box under a passphrase: this process says so itself, whatever its askers say.
 */
static void note_export(const struct work *w)
{
    char hex[2 * SHA256_DIGEST_LENGTH + 1];
    unsigned char hash[SHA256_DIGEST_LENGTH];

    SHA256(w->answer.spki.p, w->answer.spki.n, hash);
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    log_event(LOG_INFO, "key_into_backup", "key=spki:%s", hex);
}

static int do_rewrap(struct work *w, struct err *e)
{
    struct vault_rewrap m;
    struct kek *inner;
    EVP_PKEY *key = NULL;
    int rc;

    if (vault_get_rewrap(&w->job->body, &m))
        return malformed(w);
    w->answer.request = m.request;
    rc = wrap_open_kek(w->job->kek, m.sealed.p, m.sealed.n, &inner, e);
    if (rc)
        return rc;
    rc = wrap_open(m.restore ? inner : w->job->kek, m.key.p, m.key.n, "", &key, e);
    if (!rc)
        rc = give_under(w, m.restore ? w->job->kek : inner, key, e);
    if (!rc && !m.restore)
        note_export(w);
    EVP_PKEY_free(key);
    kek_free(inner);
    return rc;
}

struct work_row {
    uint8_t type;
    bool file;
    int (*run)(struct work *w, struct err *e);
};

static const struct work_row rows[] = {
    {VAULT_MAKE, false, do_make},     {VAULT_IMPORT, true, do_import},
    {VAULT_WRAP, false, do_wrap},     {VAULT_CSR, false, do_csr},
    {VAULT_ISSUE, false, do_issue},   {VAULT_PROVE, false, do_prove},
    {VAULT_BACKUP, false, do_backup}, {VAULT_REWRAP, false, do_rewrap},
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
    secret_wipe(w.stream, sizeof(w.stream));
    OPENSSL_free(w.spki);
    for (size_t i = 0; i < VAULT_DERS_MAX; i++)
        OPENSSL_free(w.ders[i]);
    ERR_clear_error();
    return w.malformed ? -EPROTO : 0;
}
