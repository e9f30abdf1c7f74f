#include "handshake/keyring/backupkey.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"

#define MEMORY_MAX (160u * 1024 * 1024) /* scrypt's own 128 N r, and what it needs beside */

_Static_assert(KEK_SIZE == BACKUP_KEY, "one size for both keys");

static bool scrypt(const struct backup_head *h, const uint8_t *passphrase, size_t n,
                   uint8_t keys[2 * BACKUP_KEY])
{
    uint64_t cost = UINT64_C(1) << h->log2_n, memory = MEMORY_MAX;
    uint32_t r = h->r, p = h->p;
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_PASSWORD, (void *)(uintptr_t)passphrase, n),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)h->salt, sizeof(h->salt)),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost),
        OSSL_PARAM_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_END,
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    bool good = ctx && EVP_KDF_derive(ctx, keys, 2 * BACKUP_KEY, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return good;
}

int backupkey_derive(const struct backup_head *h, const uint8_t *passphrase, size_t n,
                     uint8_t stream[BACKUP_KEY], struct kek **inner, struct err *e)
{
    uint8_t keys[2 * BACKUP_KEY];
    struct kek *k = NULL;

    if (n < BACKUP_PASSPHRASE_MIN)
        return err_set(e, -EINVAL, "", "choose a longer one",
                       "a backup's passphrase has at least %d bytes", BACKUP_PASSPHRASE_MIN);
    if (scrypt(h, passphrase, n, keys))
        k = kek_take(keys + BACKUP_KEY);
    if (!k) {
        secret_wipe(keys, sizeof(keys));
        return err_set(e, -ENOMEM, "", "free memory", "the backup's keys can not be derived");
    }
    secret_move(stream, keys, BACKUP_KEY);
    *inner = k;
    return 0;
}
