/*
 * vault_ask: one request to vaultwork() as the bytes of its message, and its answer.
 *
 * Owner: the answer points into memory that the next request overwrites.
 */
#ifndef PENSTOCK_TEST_VAULT_ASK_H
#define PENSTOCK_TEST_VAULT_ASK_H

#include <errno.h>
#include <unistd.h>

#include "dataplane/wire/chan.h"
#include "dataplane/wire/vault.h"
#include "handshake/keyring/vaultwork.h"
#include "tests/unit/keyring_keys.h"
#include "tests/unit/test.h"

#define ASK_NOW INT64_C(1800000000)
#define ASK_DAY INT64_C(86400)

static uint8_t ask_request[CHAN_BODY_MAX], ask_answer[CHAN_BODY_MAX];

static inline struct kek *ask_kek(uint8_t seed)
{
    uint8_t bytes[KEK_SIZE];
    struct kek *k = NULL;
    int fd;

    memset(bytes, seed, sizeof(bytes));
    fd = memfd_seal("kek", bytes, sizeof(bytes));
    EXPECT(kek_read(fd, &k) == 0);
    close(fd);
    return k;
}

/* The body is in b; fd is closed. */
static inline struct vault_answer ask_bytes(const struct kek *kek, uint8_t type, struct buf *b,
                                            int fd)
{
    static atomic_bool stop;
    struct vaultjob job = {.kek = kek, .stop = &stop, .type = type, .fd = fd};
    struct vault_answer a = {.error = -1};
    struct buf r;

    EXPECT(buf_ok(b));
    buf_init_read(&job.body, b->data, b->len);
    buf_init(&job.out, ask_answer, sizeof(ask_answer));
    EXPECT(vaultwork(&job) == 0);
    EXPECT(buf_ok(&job.out));
    buf_init_read(&r, ask_answer, job.out.len);
    EXPECT(vault_get_answer(&r, &a) == 0);
    EXPECT(a.request == 7);
    if (fd >= 0)
        close(fd);
    return a;
}

#define ASK(kek, type, put, m, fd)                                                                 \
    __extension__({                                                                                \
        struct buf b_;                                                                             \
        buf_init(&b_, ask_request, sizeof(ask_request));                                           \
        put(&b_, m);                                                                               \
        ask_bytes(kek, type, &b_, fd);                                                             \
    })

static inline struct vault_answer ask_make(const struct kek *kek, uint8_t kind)
{
    struct vault_make m = {7, kind};

    return ASK(kek, VAULT_MAKE, vault_put_make, &m, -1);
}

static inline struct vault_answer ask_import(const struct kek *kek, const char *passphrase, int fd)
{
    struct vault_import m = {7, {(const uint8_t *)passphrase, strlen(passphrase)}};

    return ASK(kek, VAULT_IMPORT, vault_put_import, &m, fd);
}

static inline struct vault_answer ask_csr(const struct kek *kek, const struct vault_csr *m)
{
    return ASK(kek, VAULT_CSR, vault_put_csr, m, -1);
}

static inline struct vault_answer ask_issue(const struct kek *kek, const struct vault_issue *m)
{
    return ASK(kek, VAULT_ISSUE, vault_put_issue, m, -1);
}

static inline struct vault_answer ask_prove(const struct kek *kek, struct vault_bytes key,
                                            struct vault_bytes certificate)
{
    struct vault_prove m = {7, key, certificate};

    return ASK(kek, VAULT_PROVE, vault_put_prove, &m, -1);
}

/* Bytes that outlive the next answer; freed at the end of the program, as the rest of it. */
static inline struct vault_bytes ask_keep(struct vault_bytes v)
{
    static uint8_t room[4 * 1024 * 1024];
    static size_t used;
    uint8_t *to = room + used;

    if (v.n > sizeof(room) - used)
        abort();
    memcpy(to, v.p, v.n);
    used += v.n;
    return (struct vault_bytes){to, v.n};
}

/* A new wrapped key. */
static inline struct vault_bytes ask_key(const struct kek *kek, uint8_t kind)
{
    struct vault_answer a = ask_make(kek, kind);

    EXPECT(a.error == 0 && a.key.n > 0);
    return ask_keep(a.key);
}

static inline struct vault_bytes ask_text(const char *s)
{
    return (struct vault_bytes){(const uint8_t *)s, strlen(s)};
}

/* One of each sort; ML-DSA may not be there. */
static const enum vault_kind kinds[] = {VAULT_EC_P256,  VAULT_EC_P384,   VAULT_ED25519,
                                        VAULT_RSA_2048, VAULT_ML_DSA_65, VAULT_ML_DSA_87};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static inline void add_subject(struct vault_names *n, uint8_t type, const char *value)
{
    n->subject[n->n_subject++] = (struct vault_pair){type, ask_text(value)};
}

static inline void add_san(struct vault_names *n, uint8_t type, const char *value)
{
    n->sans[n->n_sans++] = (struct vault_pair){type, ask_text(value)};
}

static inline struct vault_names name(const char *cn)
{
    struct vault_names n = {0};

    add_subject(&n, VAULT_CN, cn);
    return n;
}

/* A new wrapped key, or n == 0: not with this OpenSSL. */
static inline struct vault_bytes try_key(const struct kek *kek, uint8_t kind)
{
    struct vault_answer a = ask_make(kek, kind);

    if (a.error == ENOTSUP)
        return (struct vault_bytes){NULL, 0};
    EXPECT(a.error == 0);
    return ask_keep(a.key);
}

static inline EVP_PKEY *ask_public(struct vault_bytes spki)
{
    const unsigned char *at = spki.p;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.n);

    EXPECT(key && at == spki.p + spki.n);
    return key;
}

static inline bool ask_says(const struct vault_answer *a, int error, const char *words)
{
    bool good = a->error == error && (strstr(a->why.what, words) || strstr(a->why.where, words));

    if (!good)
        printf("    error %d: %s\n", a->error, a->why.what);
    return good;
}

#endif
