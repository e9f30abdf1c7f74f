/* AEAD by OpenSSL's EVP: every machine, every suite. */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "dataplane/record/seal.h"
#include "dataplane/record/start.h"

static const char *const cipher_name[] = {
    [AEAD_AES_128_GCM] = "AES-128-GCM",
    [AEAD_AES_256_GCM] = "AES-256-GCM",
    [AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};

static EVP_CIPHER *cipher[ARRAY_LEN(cipher_name)];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start(void)
{
    for (size_t i = 0; i < ARRAY_LEN(cipher); i++)
        cipher[i] = EVP_CIPHER_fetch(NULL, cipher_name[i], NULL);
}

int seal_evp_start(void)
{
    pthread_once(&once, start);
    for (size_t i = 0; i < ARRAY_LEN(cipher); i++)
        if (!cipher[i])
            return -ENOTSUP;
    return 0;
}

static int evp_init(struct seal *s)
{
    EVP_CIPHER_CTX *ctx;

    if (seal_evp_start())
        return -EIO;
    ctx = EVP_CIPHER_CTX_new();
    if (!ctx)
        return -ENOMEM;
    if (EVP_CipherInit_ex(ctx, cipher[s->keys.suite->aead], NULL, s->keys.key, NULL, 1) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        return -EIO;
    }
    s->state = ctx;
    return 0;
}

static void evp_fini(struct seal *s)
{
    EVP_CIPHER_CTX_free(s->state); /* wipes the key schedule */
}

static int evp_encrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                       const uint8_t *in, uint8_t *out, size_t len)
{
    EVP_CIPHER_CTX *ctx = s->state;
    int n;

    if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, 1) != 1 ||
        EVP_CipherUpdate(ctx, NULL, &n, aad, (int)n_aad) != 1 ||
        (len && EVP_CipherUpdate(ctx, out, &n, in, (int)len) != 1) ||
        EVP_CipherFinal_ex(ctx, out + len, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SUITE_TAG, out + len) != 1)
        return -EIO;
    return 0;
}

static int evp_decrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                       const uint8_t *in, uint8_t *out, size_t len)
{
    EVP_CIPHER_CTX *ctx = s->state;
    uint8_t tag[SUITE_TAG]; /* the control call wants it writable */
    int n, rc = 0;

    memcpy(tag, in + len, sizeof tag);
    if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, 0) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SUITE_TAG, tag) != 1 ||
        EVP_CipherUpdate(ctx, NULL, &n, aad, (int)n_aad) != 1 ||
        (len && EVP_CipherUpdate(ctx, out, &n, in, (int)len) != 1))
        rc = -EIO;
    else if (EVP_CipherFinal_ex(ctx, out + len, &n) != 1)
        rc = -EBADMSG;
    if (rc)
        secret_wipe(out, len);
    return rc;
}

const struct seal_ops seal_evp = {
    .name = "evp",
    .init = evp_init,
    .fini = evp_fini,
    .encrypt = evp_encrypt,
    .decrypt = evp_decrypt,
};
