/*
 * AEAD by Intel's multi-buffer library, through its direct functions: on x86-64 about three times
 * as fast as OpenSSL 3.0. The manager is only a table of functions for this machine, set up once
 * and read by all threads.
 */
#include <errno.h>
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdlib.h>
#include "dataplane/base/secret.h"
#include "dataplane/record/seal.h"
#include "dataplane/record/seal_evp.h"

#define ALIGN 64

static IMB_MGR *manager;
static pthread_once_t start_once = PTHREAD_ONCE_INIT;

static void start(void)
{
    IMB_MGR *m = alloc_mb_mgr(0);

    if (!m)
        return;
    if (!(m->features & IMB_FEATURE_AESNI)) {
        free_mb_mgr(m);
        return;
    }
    init_mb_mgr_auto(m, NULL);
    manager = m;
}

int seal_ipsecmb_start(void)
{
    pthread_once(&start_once, start);
    return 0;
}

static int gcm_init(struct seal *s)
{
    struct gcm_key_data *k = aligned_alloc(ALIGN, (sizeof *k + ALIGN - 1) / ALIGN * ALIGN);

    if (!k)
        return -ENOMEM;
    if (s->keys.suite->aead == AEAD_AES_128_GCM)
        IMB_AES128_GCM_PRE(manager, s->keys.key, k);
    else
        IMB_AES256_GCM_PRE(manager, s->keys.key, k);
    s->state = k;
    return 0;
}

static void gcm_fini(struct seal *s)
{
    secret_wipe(s->state, sizeof(struct gcm_key_data));
    free(s->state);
}

static int tag_check(const uint8_t *want, const uint8_t *got, uint8_t *out, size_t len)
{
    if (secret_equal(want, got, SUITE_TAG))
        return 0;
    secret_wipe(out, len);
    return -EBADMSG;
}

static int gcm128_encrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    struct gcm_context_data ctx;

    IMB_AES128_GCM_ENC(manager, s->state, &ctx, out, in, len, nonce, aad, n_aad, out + len,
                       SUITE_TAG);
    return 0;
}

static int gcm256_encrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    struct gcm_context_data ctx;

    IMB_AES256_GCM_ENC(manager, s->state, &ctx, out, in, len, nonce, aad, n_aad, out + len,
                       SUITE_TAG);
    return 0;
}

static int gcm128_decrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    struct gcm_context_data ctx;
    uint8_t tag[SUITE_TAG];

    IMB_AES128_GCM_DEC(manager, s->state, &ctx, out, in, len, nonce, aad, n_aad, tag, SUITE_TAG);
    return tag_check(in + len, tag, out, len);
}

static int gcm256_decrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    struct gcm_context_data ctx;
    uint8_t tag[SUITE_TAG];

    IMB_AES256_GCM_DEC(manager, s->state, &ctx, out, in, len, nonce, aad, n_aad, tag, SUITE_TAG);
    return tag_check(in + len, tag, out, len);
}

/* ChaCha20-Poly1305 has no expanded key: the raw one is used. */
static int chacha_init(struct seal *s)
{
    s->state = s->keys.key;
    return 0;
}

static void chacha_fini(struct seal *s)
{
    (void)s; /* the key is wiped with the rest of traffic_keys */
}

static int chacha_encrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    struct chacha20_poly1305_context_data ctx;

    IMB_CHACHA20_POLY1305_INIT(manager, s->keys.key, &ctx, nonce, aad, n_aad);
    IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, s->keys.key, &ctx, out, in, len);
    IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &ctx, out + len, SUITE_TAG);
    secret_wipe(&ctx, sizeof ctx);
    return 0;
}

static int chacha_decrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    struct chacha20_poly1305_context_data ctx;
    uint8_t tag[SUITE_TAG];

    IMB_CHACHA20_POLY1305_INIT(manager, s->keys.key, &ctx, nonce, aad, n_aad);
    IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, s->keys.key, &ctx, out, in, len);
    IMB_CHACHA20_POLY1305_DEC_FINALIZE(manager, &ctx, tag, SUITE_TAG);
    secret_wipe(&ctx, sizeof ctx);
    return tag_check(in + len, tag, out, len);
}

static const struct seal_ops ops[] = {
    [AEAD_AES_128_GCM] = {"ipsec-mb", gcm_init, gcm_fini, gcm128_encrypt, gcm128_decrypt},
    [AEAD_AES_256_GCM] = {"ipsec-mb", gcm_init, gcm_fini, gcm256_encrypt, gcm256_decrypt},
    [AEAD_CHACHA20_POLY1305] = {"ipsec-mb", chacha_init, chacha_fini, chacha_encrypt,
                                chacha_decrypt},
};

const struct seal_ops *seal_ipsecmb(enum aead aead)
{
    seal_ipsecmb_start();
    return manager ? &ops[aead] : NULL;
}
