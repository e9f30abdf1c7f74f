#include "dataplane/record/schedule.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "dataplane/record/start.h"

#define INFO_MAX 64

/*
 * One keyed HMAC for each hash, made once; every use duplicates it, which looks nothing up by name
 * and so neither takes OpenSSL's lock nor opens a file.
 */
enum { HMAC_SHA256, HMAC_SHA384, HMAC_KINDS };
static EVP_MAC_CTX *template[HMAC_KINDS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static EVP_MAC_CTX *make_template(EVP_MAC *mac, char *digest)
{
    static const uint8_t any_key[1];
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

    /* A context that never had a key can not be duplicated. */
    if (ctx && EVP_MAC_init(ctx, any_key, sizeof any_key, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

static void start(void)
{
    char sha256[] = "SHA256", sha384[] = "SHA384";
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    if (!mac)
        return;
    template[HMAC_SHA256] = make_template(mac, sha256);
    template[HMAC_SHA384] = make_template(mac, sha384);
    EVP_MAC_free(mac); /* the contexts hold it */
}

int schedule_start(void)
{
    pthread_once(&once, start);
    return template[HMAC_SHA256] && template[HMAC_SHA384] ? 0 : -ENOTSUP;
}

/* mac gets suite->hash_len bytes. */
static int hmac(const struct suite *suite, const uint8_t *key, const struct buf *data,
                uint8_t mac[EVP_MAX_MD_SIZE])
{
    EVP_MAC_CTX *ctx;
    size_t n = 0;
    int rc = -EIO;

    if (schedule_start())
        return -EIO;
    ctx = EVP_MAC_CTX_dup(template[suite->hash_len == 48 ? HMAC_SHA384 : HMAC_SHA256]);
    if (!ctx)
        return -EIO;
    if (EVP_MAC_init(ctx, key, suite->hash_len, NULL) == 1 &&
        EVP_MAC_update(ctx, data->data, data->len) == 1 &&
        EVP_MAC_final(ctx, mac, &n, EVP_MAX_MD_SIZE) == 1 && n == suite->hash_len)
        rc = 0;
    EVP_MAC_CTX_free(ctx);
    return rc;
}

int schedule_expand_label(const struct suite *suite, const uint8_t *secret, const char *label,
                          uint8_t *out, size_t n)
{
    static const char prefix[] = "tls13 ";
    const size_t n_prefix = sizeof prefix - 1, n_label = strlen(label);
    uint8_t mem[INFO_MAX], block[EVP_MAX_MD_SIZE];
    struct buf info;
    int rc;

    /* With n no more than one block, RFC 5869's expansion is T(1) = HMAC(secret, info | 0x01). */
    check(n <= suite->hash_len);
    buf_init(&info, mem, sizeof mem);
    buf_put_u16(&info, (uint16_t)n);
    buf_put_u8(&info, (uint8_t)(n_prefix + n_label));
    buf_put_bytes(&info, prefix, n_prefix);
    buf_put_bytes(&info, label, n_label);
    buf_put_u8(&info, 0); /* the context is empty */
    buf_put_u8(&info, 1);
    check(buf_ok(&info));

    rc = hmac(suite, secret, &info, block);
    if (!rc)
        memcpy(out, block, n);
    secret_wipe(block, sizeof block);
    return rc;
}

int schedule_keys(struct traffic_keys *k)
{
    uint8_t key[SUITE_KEY_MAX], iv[SUITE_IV_MAX];
    int rc;

    if (k->suite->version != TLS13)
        return 0;
    rc = schedule_expand_label(k->suite, k->secret, "key", key, k->suite->key_len);
    if (!rc)
        rc = schedule_expand_label(k->suite, k->secret, "iv", iv, k->suite->iv_len);
    if (!rc) {
        secret_move(k->key, key, k->suite->key_len);
        secret_move(k->iv, iv, k->suite->iv_len);
    }
    secret_wipe(key, sizeof key);
    secret_wipe(iv, sizeof iv);
    return rc;
}

int schedule_update(struct traffic_keys *k)
{
    struct traffic_keys next = {.suite = k->suite, .epoch = k->epoch + 1};
    int rc;

    if (k->suite->version != TLS13)
        return -EINVAL;
    rc = schedule_expand_label(k->suite, k->secret, "traffic upd", next.secret, k->suite->hash_len);
    if (!rc)
        rc = schedule_keys(&next);
    if (!rc)
        traffic_keys_move(k, &next); /* only whole: a new sequence under an old key is a nonce used
                                        twice */
    traffic_keys_wipe(&next);
    return rc;
}
