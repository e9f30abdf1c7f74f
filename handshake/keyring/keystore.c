#include "handshake/keyring/keystore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "handshake/keyring/keyfile.h"
#include "handshake/keyring/sign.h"

/* One key, in as many revisions as have the same file for the same certificate. */
struct held {
    unsigned refs;
    uint8_t digest[KEYFILE_DIGEST]; /* of the file and the public key */
    struct signer signer;           /* of a key in a token: its public half */
};

struct key {
    struct held *held;
    uint8_t uses;
    int slot; /* the token process that has it; -1: it is here */
};

struct keyset {
    uint64_t revision;
    uint16_t n;
    struct key keys[]; /* by identity */
};

void keystore_init(struct keystore *k)
{
    memset(k, 0, sizeof(*k));
}

static void held_put(struct held *h)
{
    if (!h || --h->refs)
        return;
    signer_fini(&h->signer);
    free(h);
}

static void free_set(struct keyset **set)
{
    for (unsigned i = 0; *set && i < (*set)->n; i++)
        held_put((*set)->keys[i].held);
    free(*set);
    *set = NULL;
}

void keystore_fini(struct keystore *k)
{
    for (unsigned i = 0; i < KEYSTORE_KEPT; i++)
        free_set(&k->kept[i]);
    free_set(&k->prepared);
}

static EVP_PKEY *read_public(const struct policy_blob *spki)
{
    const unsigned char *p = spki->data;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &p, (long)spki->n);

    ERR_clear_error();
    if (public && p == spki->data + spki->n)
        return public;
    EVP_PKEY_free(public);
    return NULL;
}

/* Is this the key of the certificate? Compared first, for the common mistake; then proved. */
static int match(struct signer *s, const struct policy_blob *spki, const char *where, struct err *e)
{
    EVP_PKEY *public = read_public(spki);
    bool same = public && EVP_PKEY_eq(public, s->pkey) == 1 && !sign_prove(s, public);

    EVP_PKEY_free(public);
    ERR_clear_error();
    if (same)
        return 0;
    return err_set(e, -EKEYREJECTED, where, "name the key file that belongs to the certificate",
                   "the private key does not match its certificate");
}

/* Of what kind it is decides here what it may sign; the rest is the token process's to judge. */
static int load_public(struct key *key, const struct policy_identity *id, const char *where,
                       struct err *e)
{
    EVP_PKEY *public = read_public(&id->spki);
    enum key_kind kind;
    int rc = public ? keyfile_judge(public, where, &kind, e)
                    : err_set(e, -EINVAL, where, "install programs of one version",
                              "the certificate's key can not be read");

    if (rc) {
        EVP_PKEY_free(public);
        return rc;
    }
    rc = signer_init(&key->held->signer, kind, public);
    return rc ? err_set(e, rc, where, "free memory", "no memory for the key") : 0;
}

/* The same file for the same certificate was read and proved before. NULL: it was not. */
static struct held *known(const struct keystore *k, const uint8_t digest[KEYFILE_DIGEST])
{
    for (unsigned s = 0; s < KEYSTORE_KEPT && k->kept[s]; s++)
        for (unsigned i = 0; i < k->kept[s]->n; i++) {
            struct key *key = &k->kept[s]->keys[i];

            if (key->slot < 0 && !memcmp(key->held->digest, digest, KEYFILE_DIGEST))
                return key->held;
        }
    return NULL;
}

static int load_file(struct held *held, const struct kek *kek, int fd,
                     const struct policy_identity *id, const char *where, struct err *e)
{
    enum key_kind kind;
    EVP_PKEY *pkey;
    int rc = keyfile_read(fd, kek, where, &pkey, &kind, e);

    if (rc)
        return rc;
    rc = signer_init(&held->signer, kind, pkey);
    if (rc)
        return err_set(e, rc, where, "free memory", "no memory for the key");
    return match(&held->signer, &id->spki, where, e);
}

static int load(struct keystore *k, struct key *key, const struct policy_identity *id,
                const struct keystore_file *files, uint32_t n, struct err *e)
{
    const struct keystore_file none = {-1, -1},
                               *file = id->key_attachment < n ? &files[id->key_attachment] : &none;
    uint8_t digest[KEYFILE_DIGEST] = {0};
    char where[POLICY_NAME_MAX + 32];

    snprintf(where, sizeof(where), "/identities/%s/key", id->name);
    key->uses = id->uses;
    key->slot = file->slot;
    if (file->slot < 0 && file->fd < 0)
        return err_set(e, -ENOENT, where, "install programs of one version",
                       "the key file was not handed over");
    if (file->slot < 0 && !keyfile_digest(file->fd, id->spki.data, id->spki.n, digest))
        key->held = known(k, digest);
    if (key->held) {
        key->held->refs++;
        return 0;
    }
    key->held = calloc(1, sizeof(*key->held));
    if (!key->held)
        return err_set(e, -ENOMEM, where, "free memory", "no memory for the key");
    key->held->refs = 1;
    memcpy(key->held->digest, digest, sizeof(digest));
    return file->slot >= 0 ? load_public(key, id, where, e)
                           : load_file(key->held, k->kek, file->fd, id, where, e);
}

int keystore_prepare(struct keystore *k, const struct policy *p, const struct keystore_file *files,
                     uint32_t n, struct err *e)
{
    struct keyset *set = calloc(1, sizeof(*set) + p->n_identities * sizeof(set->keys[0]));
    int rc = 0;

    keystore_abort(k);
    if (!set)
        return err_set(e, -ENOMEM, "/identities", "free memory", "no memory for the keys");
    set->revision = p->revision;
    set->n = p->n_identities;
    for (unsigned i = 0; i < set->n && !rc; i++)
        rc = load(k, &set->keys[i], &p->identities[i], files, n, e);
    if (rc) {
        free_set(&set);
        return rc;
    }
    k->prepared = set;
    return 0;
}

int keystore_commit(struct keystore *k, uint64_t revision)
{
    if (!k->prepared || k->prepared->revision != revision)
        return -ENOENT;
    free_set(&k->kept[KEYSTORE_KEPT - 1]);
    memmove(&k->kept[1], &k->kept[0], (KEYSTORE_KEPT - 1) * sizeof(k->kept[0]));
    k->kept[0] = k->prepared;
    k->prepared = NULL;
    return 0;
}

void keystore_abort(struct keystore *k)
{
    free_set(&k->prepared);
}

static struct key *find(struct keystore *k, uint64_t revision, uint16_t identity)
{
    for (unsigned i = 0; i < KEYSTORE_KEPT && k->kept[i]; i++) {
        if (k->kept[i]->revision == revision && identity < k->kept[i]->n)
            return &k->kept[i]->keys[identity];
    }
    return NULL;
}

int keystore_token(struct keystore *k, const struct keywire_sign *m, unsigned *slot)
{
    struct key *key = find(k, m->revision, m->identity);
    int rc;

    if (!key || key->slot < 0)
        return 1;
    rc = sign_judge(key->held->signer.kind, key->uses, m->scheme, m->content, m->n_content);
    if (!rc)
        *slot = (unsigned)key->slot;
    return rc;
}

int keystore_sign(struct keystore *k, const struct keywire_sign *m, uint8_t *out, size_t *n)
{
    struct key *key = find(k, m->revision, m->identity);

    if (!key || key->slot >= 0)
        return -ENOENT;
    return sign_content(&key->held->signer, key->uses, m->scheme, m->content, m->n_content, out, n);
}
