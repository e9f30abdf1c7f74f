#include "dataplane/record/record.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include "dataplane/record/schedule.h"
#include "dataplane/record/start.h"

/* Long enough for the widest kernels (2 KiB at a time) and their tails, and no whole block. */
#define MESSAGE 2045

/*
 * The tags over the message below, which depend on each bit of ciphertext too. Both libraries
 * compute them; the unit tests hold both against published vectors.
 */
static const uint8_t known_tag[][SUITE_TAG] = {
    [AEAD_AES_128_GCM] = {0x0f, 0x3a, 0x05, 0x82, 0xc8, 0xe3, 0x9a, 0x48, 0xf8, 0xe7, 0x82, 0x31,
                          0xf1, 0xa8, 0x45, 0xdc},
    [AEAD_AES_256_GCM] = {0x56, 0x7a, 0xc4, 0x19, 0xad, 0x50, 0xc4, 0x52, 0xad, 0x46, 0xed, 0xb1,
                          0x2d, 0xf3, 0x0b, 0x4f},
    [AEAD_CHACHA20_POLY1305] = {0xe0, 0xeb, 0x83, 0x00, 0xaf, 0x7b, 0x9b, 0x2d, 0xbb, 0x3a, 0xf7,
                                0x2f, 0x69, 0x9a, 0xce, 0xcd},
};

static void fill_message(uint8_t message[MESSAGE])
{
    for (size_t i = 0; i < MESSAGE; i++)
        message[i] = (uint8_t)(i * 7 + (i >> 8));
}

static void fill_count(uint8_t *out, size_t n, uint8_t first)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(first + i);
}

static int known_answer(struct seal *s)
{
    uint8_t nonce[12], aad[13], message[MESSAGE], sealed[MESSAGE + SUITE_TAG], opened[MESSAGE];
    int rc;

    fill_count(nonce, sizeof nonce, 0x40);
    fill_count(aad, sizeof aad, 0);
    fill_message(message);
    rc = s->ops->encrypt(s, nonce, aad, sizeof aad, message, sealed, MESSAGE);
    if (!rc && s->ops->finish)
        rc = s->ops->finish(s);
    if (rc)
        return rc;
    if (memcmp(sealed + MESSAGE, known_tag[s->keys.suite->aead], SUITE_TAG))
        return -EILSEQ;
    rc = s->ops->decrypt(s, nonce, aad, sizeof aad, sealed, opened, MESSAGE);
    if (rc || memcmp(opened, message, MESSAGE))
        return -EILSEQ;
    sealed[MESSAGE / 2] ^= 1;
    rc = s->ops->decrypt(s, nonce, aad, sizeof aad, sealed, opened, MESSAGE);
    return rc == -EBADMSG ? 0 : -EILSEQ;
}

int record_test(const struct suite *suite, const struct seal_ops *ops)
{
    struct seal s = {.keys = {.suite = suite}, .ops = ops};
    int rc;

    fill_count(s.keys.key, suite->key_len, 0);
    rc = ops->init(&s);
    if (!rc)
        rc = known_answer(&s);
    seal_fini(&s);
    return rc;
}

int record_init(void)
{
    int rc;

    /* What traffic is protected with is Penstock's to say, not some openssl.cnf's. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return -ENOTSUP;
    rc = seal_evp_start();
    if (!rc)
        rc = schedule_start();
    if (!rc)
        rc = seal_ipsecmb_start();
    for (size_t i = 0; suite_at(i) && !rc; i++) {
        const struct seal_ops *fast = seal_ipsecmb(suite_at(i)->aead);

        rc = record_test(suite_at(i), &seal_evp);
        if (!rc && fast)
            rc = record_test(suite_at(i), fast);
    }
    return rc;
}
