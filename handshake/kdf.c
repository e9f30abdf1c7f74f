#include "handshake/kdf.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "handshake/hmac.h"
#include "handshake/secrets.h"

#define INFO_MAX 256
#define PREFIX   "tls13 "
#define DERIVED  "derived"

static _Thread_local struct secrets *listener;

typedef EVP_KDF *fetcher(OSSL_LIB_CTX *ctx, const char *name, const char *properties);

/* Found once, at start. */
static EVP_KDF *found;

/* OpenSSL's own EVP_KDF_fetch(). */
static fetcher *openssl(void)
{
    static fetcher *_Atomic theirs;
    fetcher *f = theirs;

    if (!f)
        theirs = f = (fetcher *)(uintptr_t)dlsym(RTLD_NEXT, "EVP_KDF_fetch");
    check(f);
    return f;
}

/* In the place of libcrypto's, for libssl: it asks for the same one before each derivation. */
EVP_KDF *EVP_KDF_fetch(OSSL_LIB_CTX *ctx, const char *name, const char *properties)
{
    if (found && !ctx && !properties && !strcmp(name, "TLS13-KDF") && EVP_KDF_up_ref(found) == 1)
        return found;
    return openssl()(ctx, name, properties);
}

void kdf_listen(struct secrets *s)
{
    listener = s;
}

/* Of each hash, from kdf_start() on. */
static struct known {
    uint8_t nothing[EVP_MAX_MD_SIZE]; /* the hash of no messages */
    uint8_t early[HMAC_SIZE_MAX];     /* the early secret without a pre-shared key */
    uint8_t salt[HMAC_SIZE_MAX];      /* derived from it, for the handshake secret */
} known[HMAC_HASHES];

/* What OpenSSL says with each call; nothing is kept between two. */
struct order {
    int mode; /* -1: none */
    const struct hmac_hash *hash;
    struct piece {
        const uint8_t *data; /* NULL: it was not given */
        size_t n;
    } key, salt, prefix, label, context;
};

static const struct {
    const char *name;
    size_t at; /* of a piece in struct order */
} pieces[] = {
    {OSSL_KDF_PARAM_KEY, offsetof(struct order, key)},
    {OSSL_KDF_PARAM_SALT, offsetof(struct order, salt)},
    {OSSL_KDF_PARAM_PREFIX, offsetof(struct order, prefix)},
    {OSSL_KDF_PARAM_LABEL, offsetof(struct order, label)},
    {OSSL_KDF_PARAM_DATA, offsetof(struct order, context)},
};

static bool read_piece(struct order *o, const OSSL_PARAM *p)
{
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
        if (!strcmp(p->key, pieces[i].name)) {
            struct piece *piece = (struct piece *)(void *)((uint8_t *)o + pieces[i].at);

            piece->data = p->data;
            piece->n = p->data_size;
            return p->data_type == OSSL_PARAM_OCTET_STRING;
        }
    return false;
}

static bool read_order(struct order *o, const OSSL_PARAM *p)
{
    *o = (struct order){.mode = -1};
    for (; p && p->key; p++) {
        if (!strcmp(p->key, OSSL_KDF_PARAM_DIGEST)) {
            if (p->data_type != OSSL_PARAM_UTF8_STRING || !(o->hash = hmac_hash(p->data)))
                return false;
        } else if (!strcmp(p->key, OSSL_KDF_PARAM_MODE)) {
            if (!OSSL_PARAM_get_int(p, &o->mode))
                return false;
        } else if (strcmp(p->key, OSSL_KDF_PARAM_PROPERTIES) && !read_piece(o, p)) {
            return false;
        }
    }
    return o->hash && o->prefix.data && o->label.data;
}

/* HKDF-Expand-Label with no more than one block: T(1) = HMAC(secret, info | 0x01). */
static bool expand(struct hmac *h, const struct order *o, const uint8_t *secret, size_t n_secret,
                   const struct piece *context, uint8_t *out, size_t n)
{
    uint8_t mem[INFO_MAX], block[HMAC_SIZE_MAX];
    struct buf info;
    bool good;

    if (n == 0 || n > o->hash->size)
        return false;
    buf_init(&info, mem, sizeof mem);
    buf_put_u16(&info, (uint16_t)n);
    buf_put_u8(&info, (uint8_t)(o->prefix.n + o->label.n));
    buf_put_bytes(&info, o->prefix.data, o->prefix.n);
    buf_put_bytes(&info, o->label.data, o->label.n);
    buf_put_u8(&info, (uint8_t)context->n);
    buf_put_bytes(&info, context->data, context->n);
    buf_put_u8(&info, 1);
    good = o->prefix.n + o->label.n <= UINT8_MAX && context->n <= UINT8_MAX && buf_ok(&info) &&
           !hmac_key(h, secret, n_secret) && !hmac_add(h, info.data, info.len) &&
           !hmac_end(h, block);
    if (good)
        memcpy(out, block, n);
    secret_wipe(block, sizeof block);
    return good;
}

/* Derive-Secret over no messages: what the next extraction is salted with. */
static bool derive_salt(struct hmac *h, const struct order *o, const uint8_t *secret, size_t n,
                        uint8_t salt[HMAC_SIZE_MAX])
{
    const struct known *k = &known[o->hash->row];
    const struct piece nothing = {k->nothing, o->hash->size};

    return expand(h, o, secret, n, &nothing, salt, o->hash->size);
}

static bool says(const struct piece *p, const char *text)
{
    return p->n == strlen(text) && !memcmp(p->data, text, p->n);
}

/* Is the previous secret the one that every handshake begins with? */
static bool follows_early(const struct order *o)
{
    return o->salt.n == o->hash->size &&
           secret_equal(o->salt.data, known[o->hash->row].early, o->hash->size) &&
           says(&o->prefix, PREFIX) && says(&o->label, DERIVED);
}

/* HKDF-Extract, salted with what is derived from the previous secret; what is not given is zeros.
 * Without a pre-shared key the first secret is the same in every handshake, and no secret. */
static bool extract(struct hmac *h, const struct order *o, uint8_t *out, size_t n)
{
    static const uint8_t zeros[HMAC_SIZE_MAX];
    const struct known *k = &known[o->hash->row];
    const uint8_t *key = o->key.data ? o->key.data : zeros;
    size_t n_key = o->key.data ? o->key.n : o->hash->size;
    uint8_t salt[HMAC_SIZE_MAX] = {0};
    bool good = n == o->hash->size;

    if (good && !o->key.data && !o->salt.data) {
        memcpy(out, k->early, n);
        return true;
    }
    if (good && follows_early(o))
        memcpy(salt, k->salt, n);
    else if (good && o->salt.data)
        good = derive_salt(h, o, o->salt.data, o->salt.n, salt);
    good = good && !hmac_key(h, salt, o->salt.data ? n : 0) && !hmac_add(h, key, n_key) &&
           !hmac_end(h, out);
    secret_wipe(salt, sizeof salt);
    return good;
}

/* What every handshake without a pre-shared key begins with. */
static bool learn(const struct hmac_hash *hash)
{
    static const uint8_t zeros[HMAC_SIZE_MAX];
    const struct order o = {.hash = hash,
                            .prefix = {(const uint8_t *)PREFIX, sizeof PREFIX - 1},
                            .label = {(const uint8_t *)DERIVED, sizeof DERIVED - 1}};
    struct known *k = &known[hash->row];
    struct hmac h;
    bool good = !hmac_init(&h, hash) && EVP_Digest("", 0, k->nothing, NULL, hash->md, NULL) == 1 &&
                !hmac_key(&h, zeros, 0) && !hmac_add(&h, zeros, hash->size) &&
                !hmac_end(&h, k->early) && derive_salt(&h, &o, k->early, hash->size, k->salt);

    hmac_fini(&h);
    return good;
}

int kdf_start(void)
{
    for (unsigned i = 0; i < HMAC_HASHES; i++)
        if (!learn(hmac_row(i)))
            return -ENOTSUP;
    if (!found)
        found = openssl()(NULL, "TLS13-KDF", NULL);
    return found ? 0 : -ENOTSUP;
}

static int derive(void *ctx, unsigned char *out, size_t n, const OSSL_PARAM params[])
{
    struct order o;
    struct hmac h;
    bool good;

    (void)ctx;
    if (!read_order(&o, params))
        return 0;
    good = !hmac_init(&h, o.hash);
    if (good && o.mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
        good = extract(&h, &o, out, n);
    else if (good && o.mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY)
        good = o.key.data && expand(&h, &o, o.key.data, o.key.n, &o.context, out, n);
    else
        good = false;
    hmac_fini(&h);
    if (good && listener)
        secrets_derived(listener, o.label.data, o.label.n, out, n);
    return good;
}

/* There is nothing to keep, but OpenSSL wants something that is not NULL. */
static void *kdf_new(void *provctx)
{
    static char nothing;

    (void)provctx;
    return &nothing;
}

static void kdf_free(void *ctx)
{
    (void)ctx;
}

typedef void (*dispatch_fn)(void);

const OSSL_DISPATCH kdf_tls13[] = {
    {OSSL_FUNC_KDF_NEWCTX, (dispatch_fn)kdf_new},
    {OSSL_FUNC_KDF_FREECTX, (dispatch_fn)kdf_free},
    {OSSL_FUNC_KDF_DERIVE, (dispatch_fn)derive},
    {0, NULL},
};
