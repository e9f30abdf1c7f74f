#include "handshake/sign.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/sign_request.h"
#include "handshake/sign_store.h"

#define KEY_PARAM "penstock-identity" /* revision << 16 | identity index */

static struct signer
    *the_signer; /* OpenSSL hands callbacks no context of ours; set once at start */

/* ---- keys: a public half in the default provider, and which identity signs for it ---- */

static void *key_new(const char *type)
{
    struct sign_key *k = calloc(1, sizeof *k);

    if (k)
        k->type = type;
    return k;
}

static void key_free(void *key)
{
    struct sign_key *k = key;

    if (!k)
        return;
    EVP_PKEY_free(k->pub);
    free(k);
}

static int key_has(const void *key, int selection)
{
    const struct sign_key *k = key;

    (void)selection; /* both halves: the private one is in the keyring */
    return k && k->pub != NULL;
}

static int key_import(void *key, int selection, const OSSL_PARAM params[])
{
    struct sign_key *k = key;
    const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, KEY_PARAM);
    EVP_PKEY_CTX *ctx;
    int ok = 0;

    (void)selection;
    if (!id || !OSSL_PARAM_get_uint64(id, &k->identity))
        return 0;
    ctx = EVP_PKEY_CTX_new_from_name(NULL, k->type, "provider=default");
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        ok = EVP_PKEY_fromdata(ctx, &k->pub, EVP_PKEY_PUBLIC_KEY,
                               (OSSL_PARAM *)(uintptr_t)params) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_uint64(KEY_PARAM, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return types;
}

/* Only the public half ever leaves; there is nothing else here. */
static int key_export(void *key, int selection, OSSL_CALLBACK *cb, void *arg)
{
    struct sign_key *k = key;
    OSSL_PARAM *params = NULL;
    int ok;

    if (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)
        return 0;
    if (EVP_PKEY_todata(k->pub, EVP_PKEY_PUBLIC_KEY, &params) != 1)
        return 0;
    ok = cb(params, arg);
    OSSL_PARAM_free(params);
    return ok;
}

static int key_get_params(void *key, OSSL_PARAM params[])
{
    struct sign_key *k = key;

    return k->pub ? EVP_PKEY_get_params(k->pub, params) : 0;
}

static const OSSL_PARAM *key_gettable(void *provctx)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return list;
}

static int key_match(const void *a, const void *b, int selection)
{
    const struct sign_key *x = a, *y = b;

    (void)selection;
    return x->pub && y->pub && EVP_PKEY_eq(x->pub, y->pub) == 1;
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

/* ---- signatures ---- */

static void *sig_new(void *provctx, const char *propq)
{
    struct sign_operation *op = calloc(1, sizeof *op);

    (void)provctx;
    (void)propq;
    if (op)
        op->signer = the_signer;
    return op;
}

static void sig_free(void *ctx)
{
    free(ctx);
}

static int sig_init(void *ctx, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct sign_operation *op = ctx;

    if (key)
        op->key = key;
    snprintf(op->digest, sizeof op->digest, "%s", digest ? digest : "");
    return sign_set_params(op, params);
}

static int sig_set_params(void *ctx, const OSSL_PARAM params[])
{
    return sign_set_params(ctx, params);
}

static const OSSL_PARAM *sig_settable(void *ctx, void *provctx)
{
    static const OSSL_PARAM list[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)ctx;
    (void)provctx;
    return list;
}

/* One shot: the whole content is here, so that the keyring can see what it signs. */
static int sig_sign(void *ctx, unsigned char *sig, size_t *n_sig, size_t cap,
                    const unsigned char *tbs, size_t n_tbs)
{
    struct sign_operation *op = ctx;

    if (!sig) {
        *n_sig = (size_t)EVP_PKEY_get_size(op->key->pub);
        return 1;
    }
    return sign_request(op, sig, n_sig, cap, tbs, n_tbs);
}

typedef void (*dispatch_fn)(void);

static const OSSL_DISPATCH signature_functions[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, (dispatch_fn)sig_new},
    {OSSL_FUNC_SIGNATURE_FREECTX, (dispatch_fn)sig_free},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (dispatch_fn)sig_init},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (dispatch_fn)sig_sign},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (dispatch_fn)sig_set_params},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, (dispatch_fn)sig_settable},
    {0, NULL},
};

#define KEY_COMMON                                                                                 \
    {OSSL_FUNC_KEYMGMT_FREE, (dispatch_fn)key_free},                                               \
        {OSSL_FUNC_KEYMGMT_HAS, (dispatch_fn)key_has},                                             \
        {OSSL_FUNC_KEYMGMT_IMPORT, (dispatch_fn)key_import},                                       \
        {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (dispatch_fn)key_types},                                  \
        {OSSL_FUNC_KEYMGMT_EXPORT, (dispatch_fn)key_export},                                       \
        {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (dispatch_fn)key_types},                                  \
        {OSSL_FUNC_KEYMGMT_GET_PARAMS, (dispatch_fn)key_get_params},                               \
        {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (dispatch_fn)key_gettable},                            \
    {                                                                                              \
        OSSL_FUNC_KEYMGMT_MATCH, (dispatch_fn)key_match                                            \
    }

/* A key type is told only by which `new` was called: one for each. */
#define KEY_TYPE(ident, name)                                                                      \
    static void *ident##_new(void *provctx)                                                        \
    {                                                                                              \
        (void)provctx;                                                                             \
        return key_new(name);                                                                      \
    }                                                                                              \
    static const OSSL_DISPATCH ident##_functions[] = {                                             \
        {OSSL_FUNC_KEYMGMT_NEW, (dispatch_fn)ident##_new}, KEY_COMMON, {0, NULL}};

static void *ec_new(void *provctx)
{
    (void)provctx;
    return key_new("EC");
}

static const OSSL_DISPATCH ec_functions[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (dispatch_fn)ec_new},
    KEY_COMMON,
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (dispatch_fn)ec_operation},
    {0, NULL}};

KEY_TYPE(rsa, "RSA")
KEY_TYPE(pss, "RSA-PSS")
KEY_TYPE(ed25519, "ED25519")
KEY_TYPE(mldsa44, "ML-DSA-44")
KEY_TYPE(mldsa65, "ML-DSA-65")
KEY_TYPE(mldsa87, "ML-DSA-87")

#define OURS "provider=penstock"

static const OSSL_ALGORITHM keymgmts[] = {
    {"EC", OURS, ec_functions, NULL},
    {"RSA", OURS, rsa_functions, NULL},
    {"RSA-PSS", OURS, pss_functions, NULL},
    {"ED25519", OURS, ed25519_functions, NULL},
    {"ML-DSA-44", OURS, mldsa44_functions, NULL},
    {"ML-DSA-65", OURS, mldsa65_functions, NULL},
    {"ML-DSA-87", OURS, mldsa87_functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM signatures[] = {
    {"ECDSA", OURS, signature_functions, NULL},     {"RSA", OURS, signature_functions, NULL},
    {"RSA-PSS", OURS, signature_functions, NULL},   {"ED25519", OURS, signature_functions, NULL},
    {"ML-DSA-44", OURS, signature_functions, NULL}, {"ML-DSA-65", OURS, signature_functions, NULL},
    {"ML-DSA-87", OURS, signature_functions, NULL}, {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *provider_query(void *provctx, int operation, int *no_cache)
{
    (void)provctx;
    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT     ? keymgmts
           : operation == OSSL_OP_SIGNATURE ? signatures
                                            : NULL;
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **provctx)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (dispatch_fn)provider_query}, {0, NULL}};

    (void)in;
    *provctx = (void *)(uintptr_t)handle;
    *out = functions;
    return 1;
}

int sign_init(struct signer *s)
{
    memset(s, 0, sizeof *s);
    s->fd = -1;
    s->mem = malloc(SIGN_MESSAGE_MAX);
    if (!s->mem)
        return -ENOMEM;
    the_signer = s;
    if (OSSL_PROVIDER_add_builtin(NULL, "penstock", provider_init) != 1)
        return -ENOTSUP;
    s->provider = OSSL_PROVIDER_load(NULL, "penstock");
    return s->provider ? 0 : -ENOTSUP;
}

EVP_PKEY *sign_key(EVP_PKEY *pub, uint64_t revision, uint16_t index, struct err *e)
{
    uint64_t identity = revision << 16 | index;
    OSSL_PARAM extra[2] = {OSSL_PARAM_construct_uint64(KEY_PARAM, &identity),
                           OSSL_PARAM_construct_end()};
    OSSL_PARAM *params = NULL, *merged = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, EVP_PKEY_get0_type_name(pub), OURS);
    EVP_PKEY *key = NULL;

    if (ctx && EVP_PKEY_todata(pub, EVP_PKEY_PUBLIC_KEY, &params) == 1 &&
        (merged = OSSL_PARAM_merge(params, extra)) && EVP_PKEY_fromdata_init(ctx) == 1)
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, merged);
    OSSL_PARAM_free(merged);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    if (!key)
        err_set(e, -ENOTSUP, "handshake", "use EC P-256 or P-384, RSA, Ed25519 or ML-DSA",
                "a key of type %s can not be used", EVP_PKEY_get0_type_name(pub));
    return key;
}
