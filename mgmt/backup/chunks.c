#include "mgmt/backup/chunks.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>
#include "dataplane/base/secret.h"

#define NONCE 12

void chunks_init(struct chunks *c, const uint8_t key[BACKUP_KEY], const uint8_t head[BACKUP_HEAD])
{
    *c = (struct chunks){.next = 0};
    memcpy(c->key, key, sizeof c->key);
    memcpy(c->head, head, sizeof c->head);
}

void chunks_fini(struct chunks *c)
{
    secret_wipe(c, sizeof *c);
}

/* Seven zeros, the number, is it the last? */
static void nonce_of(const struct chunks *c, bool last, uint8_t nonce[NONCE])
{
    memset(nonce, 0, NONCE);
    for (int i = 0; i < 4; i++)
        nonce[7 + i] = (uint8_t)(c->next >> (24 - 8 * i));
    nonce[11] = last;
}

static bool run(struct chunks *c, bool seal, bool last, const uint8_t *in, size_t n, uint8_t *out,
                uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t nonce[NONCE];
    int got = 0, rest = 0;
    bool good;

    nonce_of(c, last, nonce);
    good = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, c->key, nonce, seal) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &got, c->head, sizeof c->head) == 1 &&
           EVP_CipherUpdate(ctx, out, &got, in, (int)n) == 1;
    if (good && !seal)
        good = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CHUNK_TAG, tag) == 1;
    good = good && EVP_CipherFinal_ex(ctx, out + got, &rest) == 1;
    if (good && seal)
        good = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CHUNK_TAG, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

/* The next one's turn, or none's. */
static void advance(struct chunks *c, bool last)
{
    c->ended = last || c->next == UINT32_MAX;
    c->next++;
}

int chunks_seal(struct chunks *c, const uint8_t *data, size_t n, bool last, uint8_t *out)
{
    if (c->ended || !n || n > CHUNK_DATA || (!last && n != CHUNK_DATA) ||
        !run(c, true, last, data, n, out, out + n))
        return -EIO;
    advance(c, last);
    return 0;
}

int chunks_open(struct chunks *c, const uint8_t *piece, size_t n, bool last, uint8_t *out)
{
    uint8_t tag[CHUNK_TAG];

    if (c->ended || n <= CHUNK_TAG || n > CHUNK_ROOM || (!last && n != CHUNK_ROOM))
        return -EBADMSG;
    memcpy(tag, piece + n - CHUNK_TAG, CHUNK_TAG);
    if (!run(c, false, last, piece, n - CHUNK_TAG, out, tag)) {
        secret_wipe(out, n - CHUNK_TAG);
        return -EBADMSG;
    }
    advance(c, last);
    return 0;
}
