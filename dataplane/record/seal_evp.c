/* AEAD by OpenSSL's EVP: every machine, every suite. */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include "dataplane/base/secret.h"
#include "dataplane/record/seal.h"
#include "dataplane/record/seal_evp.h"

struct fetched {           /* set once, read by all threads */
    EVP_CIPHER *cipher[3]; /* by enum aead */
};

static struct fetched fetched;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    fetched.cipher[AEAD_AES_128_GCM] = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    fetched.cipher[AEAD_AES_256_GCM] = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    fetched.cipher[AEAD_CHACHA20_POLY1305] = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
}

int seal_evp_fetch(void)
{
    pthread_once(&fetch_once, fetch);
    for (int i = 0; i < 3; i++)
        if (!fetched.cipher[i])
            return -ENOTSUP;
    return 0;
}

static int evp_init(struct seal *s)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (!ctx)
        return -ENOMEM;
    if (seal_evp_fetch() || EVP_CipherInit_ex(ctx, fetched.cipher[s->keys.suite->aead], NULL,
                                              s->keys.key, NULL, 1) != 1) {
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
    uint8_t tag[SUITE_TAG];
    int n;

    for (int i = 0; i < SUITE_TAG; i++)
        tag[i] = in[len + (size_t)i];
    if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, 0) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, SUITE_TAG, tag) != 1 ||
        EVP_CipherUpdate(ctx, NULL, &n, aad, (int)n_aad) != 1 ||
        (len && EVP_CipherUpdate(ctx, out, &n, in, (int)len) != 1))
        return -EIO;
    if (EVP_CipherFinal_ex(ctx, out + len, &n) != 1) {
        secret_wipe(out, len);
        return -EBADMSG;
    }
    return 0;
}

const struct seal_ops seal_evp = {
    .name = "evp",
    .init = evp_init,
    .fini = evp_fini,
    .encrypt = evp_encrypt,
    .decrypt = evp_decrypt,
};
