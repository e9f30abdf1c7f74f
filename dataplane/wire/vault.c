#include "dataplane/wire/vault.h"

#include <errno.h>
#include <string.h>
#include "dataplane/wire/codec.h"

const char *const vault_kinds[VAULT_KINDS] = {
    [VAULT_EC_P256] = "ec-p256",     [VAULT_EC_P384] = "ec-p384",
    [VAULT_RSA_2048] = "rsa-2048",   [VAULT_RSA_3072] = "rsa-3072",
    [VAULT_RSA_4096] = "rsa-4096",   [VAULT_ED25519] = "ed25519",
    [VAULT_ML_DSA_44] = "ml-dsa-44", [VAULT_ML_DSA_65] = "ml-dsa-65",
    [VAULT_ML_DSA_87] = "ml-dsa-87",
};

const char *const vault_attributes[VAULT_ATTRIBUTES] = {
    [VAULT_C] = "C",
    [VAULT_ST] = "ST",
    [VAULT_L] = "L",
    [VAULT_O] = "O",
    [VAULT_OU] = "OU",
    [VAULT_CN] = "CN",
    [VAULT_EMAIL_ADDRESS] = "emailAddress",
    [VAULT_SERIAL_NUMBER] = "serialNumber",
};

const char *const vault_sans[VAULT_SAN_KINDS] = {
    [VAULT_DNS] = "dns",
    [VAULT_URI] = "uri",
    [VAULT_EMAIL] = "email",
    [VAULT_IP] = "ip",
};

const char *const vault_roles[VAULT_ROLES] = {
    [VAULT_CA] = "ca",
    [VAULT_SERVER] = "server",
    [VAULT_CLIENT] = "client",
    [VAULT_SERVER_CLIENT] = "server+client",
};

int vault_find(const char *const *words, int n, const char *word)
{
    for (int i = 0; i < n; i++) {
        if (!strcmp(words[i], word))
            return i;
    }
    return -ENOENT;
}

static void put_bytes(struct buf *b, const struct vault_bytes *v, size_t max)
{
    codec_put_blob(b, v->p, v->n, max);
}

static struct vault_bytes get_bytes(struct buf *b, size_t max)
{
    struct vault_bytes v;

    v.p = buf_get_blob(b, max, &v.n);
    return v;
}

/* One list of names: how many rows, of which types, how long each, how long all together. */
struct list_limits {
    uint8_t rows, types;
    size_t value, total;
};

static const struct list_limits subject_limits = {VAULT_SUBJECT_MAX, VAULT_ATTRIBUTES,
                                                  VAULT_SUBJECT_VALUE,
                                                  VAULT_SUBJECT_MAX *VAULT_SUBJECT_VALUE};
static const struct list_limits san_limits = {VAULT_SANS_MAX, VAULT_SAN_KINDS, VAULT_SAN_VALUE,
                                              VAULT_SANS_BYTES};

static void put_pairs(struct buf *b, const struct vault_pair *pairs, uint8_t n,
                      const struct list_limits *limits)
{
    size_t total = 0;

    if (n > limits->rows)
        b->bad = true;
    buf_put_u8(b, n);
    for (uint8_t i = 0; i < n && buf_ok(b); i++) {
        buf_put_u8(b, pairs[i].type);
        put_bytes(b, &pairs[i].value, limits->value);
        total += pairs[i].value.n;
        if (pairs[i].type >= limits->types || !pairs[i].value.n || total > limits->total)
            b->bad = true;
    }
}

static uint8_t get_pairs(struct buf *b, struct vault_pair *pairs, const struct list_limits *limits)
{
    uint8_t n = codec_get_upto(b, limits->rows);
    size_t total = 0;

    for (uint8_t i = 0; i < n && buf_ok(b); i++) {
        pairs[i].type = codec_get_upto(b, limits->types - 1);
        pairs[i].value = get_bytes(b, limits->value);
        total += pairs[i].value.n;
        if (!pairs[i].value.n || total > limits->total)
            b->bad = true;
    }
    return n;
}

static void put_names(struct buf *b, const struct vault_names *m)
{
    put_pairs(b, m->subject, m->n_subject, &subject_limits);
    put_pairs(b, m->sans, m->n_sans, &san_limits);
}

static void get_names(struct buf *b, struct vault_names *m)
{
    m->n_subject = get_pairs(b, m->subject, &subject_limits);
    m->n_sans = get_pairs(b, m->sans, &san_limits);
}

void vault_put_make(struct buf *b, const struct vault_make *m)
{
    buf_put_u32(b, m->request);
    buf_put_u8(b, m->kind);
}

int vault_get_make(struct buf *b, struct vault_make *m)
{
    m->request = buf_get_u32(b);
    m->kind = codec_get_upto(b, VAULT_KINDS - 1);
    return codec_done(b);
}

void vault_put_import(struct buf *b, const struct vault_import *m)
{
    buf_put_u32(b, m->request);
    put_bytes(b, &m->passphrase, VAULT_PASSPHRASE_MAX);
}

int vault_get_import(struct buf *b, struct vault_import *m)
{
    m->request = buf_get_u32(b);
    m->passphrase = get_bytes(b, VAULT_PASSPHRASE_MAX);
    return codec_done(b);
}

void vault_put_wrap(struct buf *b, const struct vault_wrap *m)
{
    buf_put_u32(b, m->request);
    buf_put_u32(b, m->token);
}

int vault_get_wrap(struct buf *b, struct vault_wrap *m)
{
    m->request = buf_get_u32(b);
    m->token = buf_get_u32(b);
    return codec_done(b);
}

void vault_put_csr(struct buf *b, const struct vault_csr *m)
{
    buf_put_u32(b, m->request);
    put_bytes(b, &m->key, VAULT_KEY_MAX);
    put_names(b, &m->names);
}

int vault_get_csr(struct buf *b, struct vault_csr *m)
{
    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    m->key = get_bytes(b, VAULT_KEY_MAX);
    get_names(b, &m->names);
    return codec_done(b);
}

/* A root has neither a CA certificate nor a key beside its own; all others have both. */
static bool form_fits(const struct vault_issue *m)
{
    bool self = m->form == VAULT_FORM_SELF;

    return (m->ca_certificate.n == 0) == self && (m->subject_key.n == 0) == self && m->serial.n > 0;
}

void vault_put_issue(struct buf *b, const struct vault_issue *m)
{
    buf_put_u32(b, m->request);
    put_bytes(b, &m->ca_key, VAULT_KEY_MAX);
    put_bytes(b, &m->ca_certificate, VAULT_DER_MAX);
    buf_put_u8(b, m->form);
    put_bytes(b, &m->subject_key, VAULT_DER_MAX);
    put_names(b, &m->names);
    buf_put_u8(b, m->role);
    buf_put_u64(b, (uint64_t)m->not_before);
    buf_put_u64(b, (uint64_t)m->not_after);
    put_bytes(b, &m->serial, VAULT_SERIAL_MAX);
    if (!form_fits(m))
        b->bad = true;
}

int vault_get_issue(struct buf *b, struct vault_issue *m)
{
    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    m->ca_key = get_bytes(b, VAULT_KEY_MAX);
    m->ca_certificate = get_bytes(b, VAULT_DER_MAX);
    m->form = codec_get_upto(b, VAULT_FORMS - 1);
    m->subject_key = get_bytes(b, VAULT_DER_MAX);
    get_names(b, &m->names);
    m->role = codec_get_upto(b, VAULT_ROLES - 1);
    m->not_before = (int64_t)buf_get_u64(b);
    m->not_after = (int64_t)buf_get_u64(b);
    m->serial = get_bytes(b, VAULT_SERIAL_MAX);
    if (!form_fits(m))
        b->bad = true;
    return codec_done(b);
}

void vault_put_prove(struct buf *b, const struct vault_prove *m)
{
    buf_put_u32(b, m->request);
    put_bytes(b, &m->key, VAULT_KEY_MAX);
    put_bytes(b, &m->certificate, VAULT_DER_MAX);
}

int vault_get_prove(struct buf *b, struct vault_prove *m)
{
    m->request = buf_get_u32(b);
    m->key = get_bytes(b, VAULT_KEY_MAX);
    m->certificate = get_bytes(b, VAULT_DER_MAX);
    return codec_done(b);
}

void vault_put_backup(struct buf *b, const struct vault_backup *m)
{
    buf_put_u32(b, m->request);
    backup_put_head(b, &m->head);
    put_bytes(b, &m->passphrase, VAULT_PASSPHRASE_MAX);
}

int vault_get_backup(struct buf *b, struct vault_backup *m)
{
    const uint8_t *at;
    struct buf head;

    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    at = buf_get_bytes(b, BACKUP_HEAD);
    buf_init_read(&head, at, at ? BACKUP_HEAD : 0);
    if (backup_get_head(&head, &m->head))
        b->bad = true;
    m->passphrase = get_bytes(b, VAULT_PASSPHRASE_MAX);
    return codec_done(b);
}

void vault_put_rewrap(struct buf *b, const struct vault_rewrap *m)
{
    buf_put_u32(b, m->request);
    buf_put_u8(b, m->restore);
    put_bytes(b, &m->sealed, VAULT_SEALED_MAX);
    put_bytes(b, &m->key, VAULT_KEY_MAX);
}

int vault_get_rewrap(struct buf *b, struct vault_rewrap *m)
{
    m->request = buf_get_u32(b);
    m->restore = codec_get_bool(b);
    m->sealed = get_bytes(b, VAULT_SEALED_MAX);
    m->key = get_bytes(b, VAULT_KEY_MAX);
    return codec_done(b);
}

/*
 * A text if and only if it is an error, and then nothing else; a key comes with its public half, a
 * backup's keys together and alone.
 */
static bool answer_fits(const struct vault_answer *m)
{
    bool made = m->key.n || m->spki.n || m->n_ders, backup = m->stream.n || m->sealed.n;
    bool nothing = !made && !backup;

    if (backup && (made || m->stream.n != BACKUP_KEY || !m->sealed.n))
        return false;

    return (m->error != 0) == (m->why.what[0] != '\0') && (!m->error || nothing) &&
           (m->key.n == 0) == (m->spki.n == 0);
}

void vault_put_answer(struct buf *b, const struct vault_answer *m)
{
    size_t total = 0;

    buf_put_u32(b, m->request);
    buf_put_u32(b, (uint32_t)m->error);
    buf_put_str(b, m->why.where);
    buf_put_str(b, m->why.what);
    buf_put_str(b, m->why.fix);
    put_bytes(b, &m->key, VAULT_KEY_MAX);
    put_bytes(b, &m->spki, VAULT_SPKI_MAX);
    if (m->n_ders > VAULT_DERS_MAX)
        b->bad = true;
    buf_put_u8(b, m->n_ders);
    for (uint8_t i = 0; i < m->n_ders && buf_ok(b); i++) {
        put_bytes(b, &m->ders[i], VAULT_DER_MAX);
        total += m->ders[i].n;
        if (!m->ders[i].n || total > VAULT_DERS_BYTES)
            b->bad = true;
    }
    put_bytes(b, &m->stream, BACKUP_KEY);
    put_bytes(b, &m->sealed, VAULT_SEALED_MAX);
    if (!answer_fits(m))
        b->bad = true;
}

int vault_get_answer(struct buf *b, struct vault_answer *m)
{
    size_t total = 0;

    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    m->error = codec_get_errno(b);
    buf_get_str(b, m->why.where, sizeof m->why.where);
    buf_get_str(b, m->why.what, sizeof m->why.what);
    buf_get_str(b, m->why.fix, sizeof m->why.fix);
    m->key = get_bytes(b, VAULT_KEY_MAX);
    m->spki = get_bytes(b, VAULT_SPKI_MAX);
    m->n_ders = codec_get_upto(b, VAULT_DERS_MAX);
    for (uint8_t i = 0; i < m->n_ders && buf_ok(b); i++) {
        m->ders[i] = get_bytes(b, VAULT_DER_MAX);
        total += m->ders[i].n;
        if (!m->ders[i].n || total > VAULT_DERS_BYTES)
            b->bad = true;
    }
    m->stream = get_bytes(b, BACKUP_KEY);
    m->sealed = get_bytes(b, VAULT_SEALED_MAX);
    if (!answer_fits(m))
        b->bad = true;
    return codec_done(b);
}
