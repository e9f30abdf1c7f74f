#include "handshake/eckey.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "dataplane/base/check.h"

#define SPKI_MAX  120 /* bytes of the longest of them */
#define FRONT_MAX 27

/* SubjectPublicKeyInfo (RFC 5480 2) up to the point; its last byte says: uncompressed. */
static const struct curve {
    const char *group;
    uint8_t n_front, n_point; /* bytes; the front's last is the point's first */
    uint8_t front[FRONT_MAX];
} curves[] = {
    {"P-256", 27, 65, {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                       0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                       0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04}},
    {"P-384", 24, 97, {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                       0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04}},
};

/* The default provider's own functions for such keys, and one key a curve to copy; set once. */
static struct {
    OSSL_FUNC_BIO_read_ex_fn *read;
    OSSL_FUNC_BIO_ctrl_fn *ctrl;
    OSSL_FUNC_keymgmt_new_fn *make;
    OSSL_FUNC_keymgmt_free_fn *drop;
    OSSL_FUNC_keymgmt_dup_fn *dup;
    OSSL_FUNC_keymgmt_import_fn *import;
    OSSL_FUNC_keymgmt_set_params_fn *set;
    void *bare[ARRAY_LEN(curves)];
    /* its decoder, for all other forms */
    void *provctx;
    OSSL_FUNC_decoder_newctx_fn *decoder_new;
    OSSL_FUNC_decoder_freectx_fn *decoder_free;
    OSSL_FUNC_decoder_decode_fn *decode;
} the;

static void take_functions(const OSSL_DISPATCH *f)
{
    for (; f->function_id; f++)
        switch (f->function_id) {
        case OSSL_FUNC_KEYMGMT_NEW:
            the.make = OSSL_FUNC_keymgmt_new(f);
            break;
        case OSSL_FUNC_KEYMGMT_FREE:
            the.drop = OSSL_FUNC_keymgmt_free(f);
            break;
        case OSSL_FUNC_KEYMGMT_DUP:
            the.dup = OSSL_FUNC_keymgmt_dup(f);
            break;
        case OSSL_FUNC_KEYMGMT_IMPORT:
            the.import = OSSL_FUNC_keymgmt_import(f);
            break;
        case OSSL_FUNC_KEYMGMT_SET_PARAMS:
            the.set = OSSL_FUNC_keymgmt_set_params(f);
            break;
        }
}

static void take_decoder(const OSSL_DISPATCH *f)
{
    for (; f->function_id; f++)
        switch (f->function_id) {
        case OSSL_FUNC_DECODER_NEWCTX:
            the.decoder_new = OSSL_FUNC_decoder_newctx(f);
            break;
        case OSSL_FUNC_DECODER_FREECTX:
            the.decoder_free = OSSL_FUNC_decoder_freectx(f);
            break;
        case OSSL_FUNC_DECODER_DECODE:
            the.decode = OSSL_FUNC_decoder_decode(f);
            break;
        }
}

static void take_core(const OSSL_DISPATCH *f)
{
    for (; f->function_id; f++)
        switch (f->function_id) {
        case OSSL_FUNC_BIO_READ_EX:
            the.read = OSSL_FUNC_BIO_read_ex(f);
            break;
        case OSSL_FUNC_BIO_CTRL:
            the.ctrl = OSSL_FUNC_BIO_ctrl(f);
            break;
        }
}

/* The default provider's row for such keys, by the properties that it must have; NULL: none. */
static const OSSL_ALGORITHM *row_of(OSSL_PROVIDER *whole, int operation, const char *properties)
{
    int no_cache;
    const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(whole, operation, &no_cache);

    for (; a && a->algorithm_names; a++)
        if ((!strcmp(a->algorithm_names, "EC") || !strncmp(a->algorithm_names, "EC:", 3)) &&
            strstr(a->property_definition, properties))
            return a;
    return NULL;
}

/* A key that is a curve and no more. */
static void *bare_key(const struct curve *c)
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
                                                            (char *)(uintptr_t)c->group, 0),
                           OSSL_PARAM_construct_end()};
    void *key = the.make(the.provctx);

    if (key && the.import(key, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, params) != 1) {
        the.drop(key);
        key = NULL;
    }
    return key;
}

int eckey_start(const OSSL_DISPATCH *core, OSSL_PROVIDER *whole)
{
    const OSSL_ALGORITHM *keys = row_of(whole, OSSL_OP_KEYMGMT, ""),
                         *decoder = row_of(whole, OSSL_OP_DECODER, ECKEY_PROPERTIES);

    if (!keys || !decoder)
        return -ENOTSUP;
    the.provctx = OSSL_PROVIDER_get0_provider_ctx(whole);
    take_core(core);
    take_functions(keys->implementation);
    take_decoder(decoder->implementation);
    if (!the.read || !the.ctrl || !the.make || !the.drop || !the.dup || !the.import || !the.set ||
        !the.decoder_new || !the.decoder_free || !the.decode)
        return -ENOTSUP;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        if (!the.bare[i])
            the.bare[i] = bare_key(&curves[i]);
        if (!the.bare[i])
            return -ENOTSUP;
    }
    return 0;
}

/* Up to `cap` bytes. */
static size_t read_all(OSSL_CORE_BIO *in, uint8_t *out, size_t cap)
{
    size_t n = 0, got = 0;

    while (n < cap && the.read(in, out + n, cap - n, &got) == 1 && got > 0)
        n += got;
    return n;
}

static void *key_of(const uint8_t *spki, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(curves); i++) {
        const struct curve *c = &curves[i];
        OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(
                                   OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
                                   (void *)(uintptr_t)(spki + c->n_front - 1), c->n_point),
                               OSSL_PARAM_construct_end()};
        void *key;

        if (n != c->n_front - 1u + c->n_point || memcmp(spki, c->front, c->n_front))
            continue;
        key = the.dup(the.bare[i], OSSL_KEYMGMT_SELECT_ALL);
        if (key && the.set(key, params) == 1) /* refuses what is not on the curve */
            return key;
        if (key)
            the.drop(key);
        return NULL;
    }
    return NULL;
}

/* OpenSSL's core takes the key by its address, and leaves NULL there if it took it. */
static int hand_over(void *key, OSSL_CALLBACK *taken, void *arg)
{
    int type = OSSL_OBJECT_PKEY, ok;
    char name[] = "EC";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof key),
        OSSL_PARAM_construct_end()};

    ok = taken(params, arg);
    if (key)
        the.drop(key);
    return ok;
}

/* From where it stood before it was read here. */
static int by_openssl(OSSL_CORE_BIO *in, long from, int selection, OSSL_CALLBACK *taken, void *arg)
{
    void *ctx = the.ctrl(in, BIO_C_FILE_SEEK, from, NULL) >= 0 ? the.decoder_new(the.provctx)
                                                               : NULL;
    int ok = ctx && the.decode(ctx, in, selection, taken, arg, NULL, NULL);

    if (ctx)
        the.decoder_free(ctx);
    return ok;
}

static int decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *taken, void *arg,
                  OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    uint8_t spki[SPKI_MAX + 1] = {0};
    long from = the.ctrl(in, BIO_C_FILE_TELL, 0, NULL);
    void *key = NULL;

    (void)ctx;
    (void)ask; /* a public key has no passphrase */
    (void)ask_arg;
    if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)
        key = key_of(spki, read_all(in, spki, sizeof spki));
    return key ? hand_over(key, taken, arg) : by_openssl(in, from, selection, taken, arg);
}

static int does_selection(void *provctx, int selection)
{
    (void)provctx;
    return selection == 0 || selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
}

static void *decoder_new(void *provctx)
{
    static char nothing; /* to keep, but OpenSSL wants something that is not NULL */

    (void)provctx;
    return &nothing;
}

static void decoder_free(void *ctx)
{
    (void)ctx;
}

typedef void (*dispatch_fn)(void);

const OSSL_DISPATCH eckey_decoder[] = {
    {OSSL_FUNC_DECODER_NEWCTX, (dispatch_fn)decoder_new},
    {OSSL_FUNC_DECODER_FREECTX, (dispatch_fn)decoder_free},
    {OSSL_FUNC_DECODER_DOES_SELECTION, (dispatch_fn)does_selection},
    {OSSL_FUNC_DECODER_DECODE, (dispatch_fn)decode},
    {0, NULL},
};
