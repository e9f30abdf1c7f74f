#include "handshake/token/tokenkey.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "dataplane/base/secret.h"
#include "dataplane/wire/chan.h"
#include "handshake/keyring/keyfile.h"
#include "handshake/token/mechanism.h"

#define HANDED_MAX (PKCS11_URI_MAX + PKCS11_PIN_MAX + 16)

static int keep_pin(struct tokenkey *k, const struct token_key *handed)
{
    if (!handed->n_pin)
        return 0;
    k->pin = OPENSSL_secure_malloc(handed->n_pin);
    if (!k->pin)
        return -ENOMEM;
    memcpy(k->pin, handed->pin, handed->n_pin);
    k->n_pin = handed->n_pin;
    return 0;
}

static int take_handed(struct tokenkey *k, int fd, struct err *e)
{
    struct token_key handed;
    const void *data;
    struct buf b;
    size_t n;
    int rc = fd < 0 ? -ENOENT : memfd_map(fd, HANDED_MAX, &data, &n);

    if (!rc) {
        buf_init_read(&b, data, n);
        rc = token_key_get(&b, &handed);
        if (!rc)
            rc = keep_pin(k, &handed);
        munmap((void *)(uintptr_t)data, n);
    }
    if (rc)
        return err_set(e, rc, k->where, "install programs of one version",
                       "the key's URI was not handed over (%s)", strerror(-rc));
    memcpy(k->text, handed.uri, sizeof(k->text));
    return pkcs11_parse(&k->uri, k->text, k->where, e);
}

static int take_public(struct tokenkey *k, const struct policy_identity *id, struct err *e)
{
    const unsigned char *p = id->spki.data;
    CK_KEY_TYPE type;
    int rc;

    k->public = d2i_PUBKEY(NULL, &p, (long)id->spki.n);
    ERR_clear_error();
    if (!k->public || p != id->spki.data + id->spki.n)
        return err_set(e, -EINVAL, k->where, "install programs of one version",
                       "the certificate's key can not be read");
    k->spki = malloc(id->spki.n);
    if (!k->spki)
        return err_set(e, -ENOMEM, k->where, "free memory", "no memory for the key");
    memcpy(k->spki, id->spki.data, id->spki.n);
    k->n_spki = id->spki.n;
    rc = keyfile_judge(k->public, k->where, &k->kind, e);
    if (!rc && mechanism_key_type(k->kind, &type))
        rc = err_set(e, -EKEYREJECTED, k->where,
                     "use a key file, or RSA (rsaEncryption), ECDSA P-256 or P-384, or Ed25519",
                     "is of a kind that is not used in tokens");
    return rc;
}

int tokenkey_new(const struct policy_identity *id, int fd, struct tokenkey **out, struct err *e)
{
    struct tokenkey *k = calloc(1, sizeof(*k));
    int rc;

    if (!k)
        return err_set(e, -ENOMEM, "/identities", "free memory", "no memory for the keys");
    atomic_init(&k->held, 1);
    k->told = -1;
    snprintf(k->name, sizeof(k->name), "%s", id->name);
    snprintf(k->where, sizeof(k->where), "/identities/%s/key", id->name);
    rc = take_handed(k, fd, e);
    if (!rc)
        rc = take_public(k, id, e);
    if (rc) {
        tokenkey_drop(k);
        return rc;
    }
    *out = k;
    return 0;
}

struct tokenkey *tokenkey_hold(struct tokenkey *k)
{
    atomic_fetch_add(&k->held, 1);
    return k;
}

void tokenkey_drop(struct tokenkey *k)
{
    if (!k || atomic_fetch_sub(&k->held, 1) != 1)
        return;
    OPENSSL_secure_clear_free(k->pin, k->n_pin);
    EVP_PKEY_free(k->public);
    free(k->spki);
    free(k);
}

bool tokenkey_same(const struct tokenkey *a, const struct tokenkey *b)
{
    return !strcmp(a->text, b->text) && !strcmp(a->name, b->name) && a->n_pin == b->n_pin &&
           (!a->n_pin || secret_equal(a->pin, b->pin, a->n_pin)) && a->n_spki == b->n_spki &&
           !memcmp(a->spki, b->spki, a->n_spki);
}
