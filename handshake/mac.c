#include "handshake/mac.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include "handshake/hmac.h"

/* OpenSSL names the digest, gives the key, then data. */
struct mac {
    struct hmac hmac; /* its digest is NULL until it is named */
    bool keyed;
};

static void *mac_new(void *provctx)
{
    (void)provctx;
    return calloc(1, sizeof(struct mac));
}

static void mac_free(void *ctx)
{
    struct mac *m = ctx;

    if (m)
        hmac_fini(&m->hmac);
    free(m);
}

static void *mac_dup(void *ctx)
{
    const struct mac *from = ctx;
    struct mac *m = mac_new(NULL);

    if (!m || !from->hmac.hash)
        return m;
    if (hmac_init(&m->hmac, from->hmac.hash) ||
        (from->keyed && EVP_MD_CTX_copy_ex(m->hmac.md, from->hmac.md) != 1)) {
        mac_free(m);
        return NULL;
    }
    memcpy(m->hmac.pad, from->hmac.pad, sizeof m->hmac.pad);
    m->keyed = from->keyed;
    return m;
}

static int mac_set(void *ctx, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = params ? OSSL_PARAM_locate_const(params, OSSL_MAC_PARAM_DIGEST) : NULL;
    const struct hmac_hash *hash;
    struct mac *m = ctx;

    if (!p)
        return 1;
    hash = p->data_type == OSSL_PARAM_UTF8_STRING ? hmac_hash(p->data) : NULL;
    hmac_fini(&m->hmac);
    m->keyed = false;
    return hash && !hmac_init(&m->hmac, hash);
}

static int mac_init(void *ctx, const unsigned char *key, size_t n, const OSSL_PARAM params[])
{
    struct mac *m = ctx;

    if (!mac_set(m, params) || !m->hmac.hash || !key)
        return 0;
    m->keyed = !hmac_key(&m->hmac, key, n);
    return m->keyed;
}

static int mac_update(void *ctx, const unsigned char *data, size_t n)
{
    struct mac *m = ctx;

    return m->keyed && !hmac_add(&m->hmac, data, n);
}

static int mac_final(void *ctx, unsigned char *out, size_t *n, size_t room)
{
    struct mac *m = ctx;

    if (!m->keyed || room < m->hmac.hash->size || hmac_end(&m->hmac, out))
        return 0;
    m->keyed = false;
    *n = m->hmac.hash->size;
    return 1;
}

static int mac_get(void *ctx, OSSL_PARAM params[])
{
    const struct mac *m = ctx;
    size_t size = m->hmac.hash ? m->hmac.hash->size : 0,
           block = m->hmac.hash ? m->hmac.hash->block : 0;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_MAC_PARAM_SIZE);

    if (p && !OSSL_PARAM_set_size_t(p, size))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_MAC_PARAM_BLOCK_SIZE);
    return !p || OSSL_PARAM_set_size_t(p, block);
}

static const OSSL_PARAM *mac_gettable(void *ctx, void *provctx)
{
    static const OSSL_PARAM list[] = {OSSL_PARAM_size_t(OSSL_MAC_PARAM_SIZE, NULL),
                                      OSSL_PARAM_size_t(OSSL_MAC_PARAM_BLOCK_SIZE, NULL),
                                      OSSL_PARAM_END};

    (void)ctx;
    (void)provctx;
    return list;
}

static const OSSL_PARAM *mac_settable(void *ctx, void *provctx)
{
    static const OSSL_PARAM list[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, NULL, 0),
                                      OSSL_PARAM_END};

    (void)ctx;
    (void)provctx;
    return list;
}

typedef void (*dispatch_fn)(void);

const OSSL_DISPATCH mac_hmac[] = {
    {OSSL_FUNC_MAC_NEWCTX, (dispatch_fn)mac_new},
    {OSSL_FUNC_MAC_FREECTX, (dispatch_fn)mac_free},
    {OSSL_FUNC_MAC_DUPCTX, (dispatch_fn)mac_dup},
    {OSSL_FUNC_MAC_INIT, (dispatch_fn)mac_init},
    {OSSL_FUNC_MAC_UPDATE, (dispatch_fn)mac_update},
    {OSSL_FUNC_MAC_FINAL, (dispatch_fn)mac_final},
    {OSSL_FUNC_MAC_GETTABLE_CTX_PARAMS, (dispatch_fn)mac_gettable},
    {OSSL_FUNC_MAC_GET_CTX_PARAMS, (dispatch_fn)mac_get},
    {OSSL_FUNC_MAC_SETTABLE_CTX_PARAMS, (dispatch_fn)mac_settable},
    {OSSL_FUNC_MAC_SET_CTX_PARAMS, (dispatch_fn)mac_set},
    {0, NULL},
};
