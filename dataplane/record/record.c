#include "dataplane/record/record.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stddef.h>
#include <string.h>
#include "dataplane/base/secret.h"
#include "dataplane/record/schedule.h"
#include "dataplane/record/seal.h"
#include "dataplane/record/seal_evp.h"

/* Known answers: the tag over an empty message, key and nonce all zero. AES-GCM: NIST's GCM test
 * cases 1 and 13; ChaCha20-Poly1305: computed by two independent libraries. */
static const uint8_t known_tag[3][SUITE_TAG] = {
    [AEAD_AES_128_GCM] = {0x58, 0xe2, 0xfc, 0xce, 0xfa, 0x7e, 0x30, 0x61, 0x36, 0x7f, 0x1d, 0x57,
                          0xa4, 0xe7, 0x45, 0x5a},
    [AEAD_AES_256_GCM] = {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9, 0xa9, 0x63, 0xb4, 0xf1,
                          0xc4, 0xcb, 0x73, 0x8b},
    [AEAD_CHACHA20_POLY1305] = {0x4e, 0xb9, 0x72, 0xc9, 0xa8, 0xfb, 0x3a, 0x1b, 0x38, 0x2b, 0xb4,
                                0xd3, 0x6f, 0x5f, 0xfa, 0xd1},
};

static int known_answer(const struct suite *suite, const struct seal_ops *ops)
{
    static const uint8_t nonce[12], aad[1];
    uint8_t mem[SUITE_TAG] = {0};
    struct seal s = {.keys = {.suite = suite}, .ops = ops};
    int rc = ops->init(&s);

    if (rc)
        return rc;
    rc = ops->encrypt(&s, nonce, aad, 0, mem, mem, 0);
    if (!rc && memcmp(mem, known_tag[suite->aead], sizeof mem))
        rc = -EILSEQ;
    if (!rc)
        rc = ops->decrypt(&s, nonce, aad, 0, mem, mem, 0);
    mem[3] ^= 1;
    if (!rc && ops->decrypt(&s, nonce, aad, 0, mem, mem, 0) != -EBADMSG)
        rc = -EILSEQ;
    ops->fini(&s);
    return rc;
}

int record_init(void)
{
    uint8_t out[SUITE_KEY_MAX], secret[SUITE_SECRET_MAX] = {0};
    int rc;

    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    rc = seal_evp_fetch();
    if (!rc)
        rc = seal_ipsecmb_start();
    for (size_t i = 0; suite_at(i) && !rc; i++) {
        const struct suite *s = suite_at(i);
        const struct seal_ops *fast = seal_ipsecmb(s->aead);

        rc = known_answer(s, &seal_evp);
        if (!rc && fast)
            rc = known_answer(s, fast);
        if (!rc && s->version == TLS13)
            rc = schedule_expand_label(s, secret, "key", out, s->key_len);
    }
    return rc;
}
