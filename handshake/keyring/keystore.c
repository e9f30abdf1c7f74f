#include "handshake/keyring/keystore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "handshake/keyring/keyfile.h"
#include "handshake/keyring/sign.h"

struct key {
    struct signer signer;
    uint8_t uses;
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

static void free_set(struct keyset **set)
{
    for (unsigned i = 0; *set && i < (*set)->n; i++)
        signer_fini(&(*set)->keys[i].signer);
    free(*set);
    *set = NULL;
}

void keystore_fini(struct keystore *k)
{
    free_set(&k->running);
    free_set(&k->before);
    free_set(&k->prepared);
}

/* Is this the key of the certificate? Compared first, for the common mistake; then proved. */
static int match(struct signer *s, const struct policy_blob *spki, const char *where, struct err *e)
{
    const unsigned char *p = spki->data;
    EVP_PKEY *public = d2i_PUBKEY(NULL, &p, (long)spki->n);
    bool same = false;

    if (public && p == spki->data + spki->n)
        same = EVP_PKEY_eq(public, s->pkey) == 1 && !sign_prove(s, public);
    EVP_PKEY_free(public);
    ERR_clear_error();
    if (same)
        return 0;
    return err_set(e, -EKEYREJECTED, where, "name the key file that belongs to the certificate",
                   "the private key does not match its certificate");
}

static int load(struct key *key, const struct kek *kek, const struct policy_identity *id,
                const int *fds, uint32_t n_fds, struct err *e)
{
    char where[POLICY_NAME_MAX + 32];
    enum key_kind kind;
    EVP_PKEY *pkey;
    int rc;

    snprintf(where, sizeof(where), "/identities/%s/key", id->name);
    if (id->key_attachment >= n_fds || fds[id->key_attachment] < 0)
        return err_set(e, -ENOENT, where, "install programs of one version",
                       "the key file was not handed over");
    rc = keyfile_read(fds[id->key_attachment], kek, where, &pkey, &kind, e);
    if (rc)
        return rc;
    key->uses = id->uses;
    rc = signer_init(&key->signer, kind, pkey);
    if (rc)
        return err_set(e, rc, where, "free memory", "no memory for the key");
    return match(&key->signer, &id->spki, where, e);
}

int keystore_prepare(struct keystore *k, const struct policy *p, const int *fds, uint32_t n_fds,
                     struct err *e)
{
    struct keyset *set = calloc(1, sizeof(*set) + p->n_identities * sizeof(set->keys[0]));
    int rc = 0;

    keystore_abort(k);
    if (!set)
        return err_set(e, -ENOMEM, "/identities", "free memory", "no memory for the keys");
    set->revision = p->revision;
    set->n = p->n_identities;
    for (unsigned i = 0; i < set->n && !rc; i++)
        rc = load(&set->keys[i], k->kek, &p->identities[i], fds, n_fds, e);
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
    free_set(&k->before);
    k->before = k->running;
    k->running = k->prepared;
    k->prepared = NULL;
    return 0;
}

void keystore_abort(struct keystore *k)
{
    free_set(&k->prepared);
}

static struct key *find(struct keystore *k, uint64_t revision, uint16_t identity)
{
    struct keyset *sets[] = {k->running, k->before};

    for (unsigned i = 0; i < 2; i++) {
        if (sets[i] && sets[i]->revision == revision && identity < sets[i]->n)
            return &sets[i]->keys[identity];
    }
    return NULL;
}

int keystore_sign(struct keystore *k, const struct keywire_sign *m, uint8_t *out, size_t *n)
{
    struct key *key = find(k, m->revision, m->identity);

    if (!key)
        return -ENOENT;
    return sign_content(&key->signer, key->uses, m->scheme, m->content, m->n_content, out, n);
}
