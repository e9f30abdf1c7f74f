#include "dataplane/record/schedule.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"

#define LABEL_MAX 64

/*
 * RFC 5869 HKDF-Expand for outputs of at most one block, which is all that TLS 1.3 asks of it here:
 * T(1) = HMAC(secret, info | 0x01).
 */
static int expand_one_block(const struct suite *suite, const uint8_t *secret, const uint8_t *info,
                            size_t n_info, uint8_t *out, size_t n)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned n_mac = 0;
    const EVP_MD *md = suite->hash_len == 48 ? EVP_sha384() : EVP_sha256();
    int rc = 0;

    if (!HMAC(md, secret, suite->hash_len, info, n_info, mac, &n_mac) || n > n_mac)
        rc = -EIO;
    else
        memcpy(out, mac, n);
    secret_wipe(mac, sizeof mac);
    return rc;
}

int schedule_expand_label(const struct suite *suite, const uint8_t *secret, const char *label,
                          uint8_t *out, size_t n)
{
    static const char prefix[] = "tls13 ";
    uint8_t info[2 + 1 + LABEL_MAX + 1 + 1], *p = info;
    size_t n_label = strlen(label), n_prefix = sizeof prefix - 1;

    check(n_label + n_prefix <= LABEL_MAX && n <= suite->hash_len);
    *p++ = (uint8_t)(n >> 8);
    *p++ = (uint8_t)n;
    *p++ = (uint8_t)(n_prefix + n_label);
    memcpy(p, prefix, n_prefix);
    memcpy(p + n_prefix, label, n_label);
    p += n_prefix + n_label;
    *p++ = 0; /* empty context */
    *p++ = 1; /* the block's number */
    return expand_one_block(suite, secret, info, (size_t)(p - info), out, n);
}

int schedule_keys(struct traffic_keys *k)
{
    int rc;

    if (k->suite->version != TLS13)
        return 0;
    rc = schedule_expand_label(k->suite, k->secret, "key", k->key, k->suite->key_len);
    if (!rc)
        rc = schedule_expand_label(k->suite, k->secret, "iv", k->iv, k->suite->iv_len);
    return rc;
}

int schedule_update(struct traffic_keys *k)
{
    uint8_t next[SUITE_SECRET_MAX];
    int rc = schedule_expand_label(k->suite, k->secret, "traffic upd", next, k->suite->hash_len);

    if (rc)
        return rc;
    secret_move(k->secret, next, k->suite->hash_len);
    k->seq = 0;
    k->epoch++;
    return schedule_keys(k);
}
