#include "handshake/keyring/wrap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "dataplane/base/secret.h"
#include "dataplane/wire/chan.h"
#include "handshake/keyring/keyfile.h"

#define HASH  SHA256_DIGEST_LENGTH
#define AAD   (sizeof(magic) + HASH)
#define FIXED (AAD + WRAP_NONCE) /* what stands before the ciphertext */

static const uint8_t magic[8] = {'P', 'S', 'K', 'E', 'Y', '1', 0, 0};
static const uint8_t magic_kek[8] = {'P', 'S', 'K', 'E', 'K', '1', 0, 0};

struct kek {
    uint8_t bytes[KEK_SIZE];
};

int kek_read(int fd, struct kek **out)
{
    static const uint8_t zero[KEK_SIZE];
    const void *bytes;
    struct kek *k;
    size_t n;
    int rc = memfd_map(fd, KEK_SIZE, &bytes, &n);

    if (rc)
        return rc == -EFBIG || rc == -ENODATA ? -EINVAL : rc;
    if (n != KEK_SIZE || secret_equal(bytes, zero, KEK_SIZE)) {
        rc = -EINVAL;
    } else if (!(k = OPENSSL_secure_zalloc(sizeof(*k)))) {
        rc = -ENOMEM;
    } else {
        memcpy(k->bytes, bytes, KEK_SIZE);
        *out = k;
    }
    munmap((void *)(uintptr_t)bytes, n);
    return rc;
}

struct kek *kek_take(uint8_t bytes[KEK_SIZE])
{
    struct kek *k = OPENSSL_secure_zalloc(sizeof(*k));

    if (k)
        memcpy(k->bytes, bytes, KEK_SIZE);
    secret_wipe(bytes, KEK_SIZE);
    return k;
}

void kek_free(struct kek *k)
{
    OPENSSL_secure_clear_free(k, sizeof(*k));
}

int wrap_spki(const EVP_PKEY *key, unsigned char **der)
{
    int n;

    *der = NULL;
    n = i2d_PUBKEY(key, der);
    ERR_clear_error();
    return n > 0 ? n : -EIO;
}

static int hash_of(const EVP_PKEY *key, uint8_t hash[HASH])
{
    unsigned char *spki;
    int n = wrap_spki(key, &spki);

    if (n < 0)
        return n;
    n = EVP_Digest(spki, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
    OPENSSL_free(spki);
    return n;
}

/* The PKCS#8 form of a key; to be wiped. Bytes, or -EIO. */
static int pkcs8_of(const EVP_PKEY *key, unsigned char **der)
{
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
    int n;

    *der = NULL;
    n = p8 ? i2d_PKCS8_PRIV_KEY_INFO(p8, der) : -1;
    PKCS8_PRIV_KEY_INFO_free(p8);
    return n > 0 ? n : -EIO;
}

/*
 * One run of AES-256-GCM: in (n bytes) to out, the tag made or checked behind the ciphertext. The
 * head is additional data, and the nonce stands behind it.
 */
static bool gcm(const struct kek *kek, bool seal, const uint8_t *head, size_t n_head,
                const uint8_t *in, size_t n, uint8_t *out, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int got = 0, last = 0;
    bool good;

    good = ctx &&
           EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, kek->bytes, head + n_head, seal) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &got, head, (int)n_head) == 1 &&
           EVP_CipherUpdate(ctx, out, &got, in, (int)n) == 1 && (size_t)got == n;
    if (good && !seal)
        good = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, WRAP_TAG, tag) == 1;
    good = good && EVP_CipherFinal_ex(ctx, out + n, &last) == 1;
    if (good && seal)
        good = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, WRAP_TAG, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

static int no_kek(const char *where, struct err *e)
{
    return err_set(e, -ENOKEY, where, "see in the launcher's log why it has none",
                   "the key is kept encrypted, and there is no key-encryption key");
}

bool wrap_is(const uint8_t *p, size_t n)
{
    return n >= sizeof(magic) && !memcmp(p, magic, sizeof(magic));
}

int wrap_seal(const struct kek *kek, const EVP_PKEY *key, uint8_t *out, size_t *n, struct err *e)
{
    unsigned char *der;
    int n_der, rc = 0;

    if (!kek)
        return no_kek("", e);
    n_der = pkcs8_of(key, &der);
    if (n_der < 0)
        return err_set(e, -EIO, "", "report it", "the key can not be encoded");
    if ((size_t)n_der + WRAP_OVERHEAD > *n) {
        rc = -EMSGSIZE;
    } else {
        uint8_t *tag = out + FIXED + n_der;

        memcpy(out, magic, sizeof(magic));
        rc = hash_of(key, out + sizeof(magic));
        if (!rc && (RAND_bytes(out + AAD, WRAP_NONCE) != 1 ||
                    !gcm(kek, true, out, AAD, der, (size_t)n_der, out + FIXED, tag)))
            rc = -EIO;
    }
    OPENSSL_clear_free(der, (size_t)n_der);
    ERR_clear_error();
    if (rc)
        return err_set(e, rc, "", "report it", "the key can not be encrypted");
    *n = (size_t)n_der + WRAP_OVERHEAD;
    return 0;
}

/* The key of an opened blob, if it is the one that the blob's head speaks of. */
static EVP_PKEY *key_of(const uint8_t *head, const uint8_t *der, size_t n)
{
    EVP_PKEY *key = keyfile_pkcs8(der, n);
    uint8_t hash[HASH];

    if (key && (hash_of(key, hash) || memcmp(hash, head + sizeof(magic), HASH))) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

int wrap_open(const struct kek *kek, const uint8_t *p, size_t n, const char *where, EVP_PKEY **out,
              struct err *e)
{
    EVP_PKEY *key = NULL;
    uint8_t *der, tag[WRAP_TAG];
    size_t n_der;

    if (!kek)
        return no_kek(where, e);
    if (!wrap_is(p, n) || n <= WRAP_OVERHEAD || n > KEYFILE_MAX)
        return err_set(e, -EKEYREJECTED, where, "give back what the keyring gave",
                       "this is no encrypted key");
    n_der = n - WRAP_OVERHEAD;
    der = OPENSSL_secure_malloc(n_der);
    if (!der)
        return err_set(e, -ENOMEM, where, "free memory", "no memory for the key");
    memcpy(tag, p + FIXED + n_der, WRAP_TAG);
    if (gcm(kek, false, p, AAD, p + FIXED, n_der, der, tag))
        key = key_of(p, der, n_der);
    OPENSSL_secure_clear_free(der, n_der);
    ERR_clear_error();
    if (!key)
        return err_set(e, -EKEYREJECTED, where,
                       "bring back that key-encryption key, or import the key again",
                       "the key was encrypted on another machine or the key-encryption key was "
                       "replaced (or the stored key was damaged)");
    *out = key;
    return 0;
}

int wrap_seal_kek(const struct kek *kek, const struct kek *inner, uint8_t out[WRAP_KEK],
                  struct err *e)
{
    uint8_t *sealed = out + sizeof(magic_kek) + WRAP_NONCE;

    if (!kek)
        return no_kek("", e);
    memcpy(out, magic_kek, sizeof(magic_kek));
    if (RAND_bytes(out + sizeof(magic_kek), WRAP_NONCE) == 1 &&
        gcm(kek, true, out, sizeof(magic_kek), inner->bytes, KEK_SIZE, sealed, sealed + KEK_SIZE))
        return 0;
    ERR_clear_error();
    return err_set(e, -EIO, "", "report it", "the key can not be encrypted");
}

int wrap_open_kek(const struct kek *kek, const uint8_t *p, size_t n, struct kek **out,
                  struct err *e)
{
    const uint8_t *sealed = p + sizeof(magic_kek) + WRAP_NONCE;
    uint8_t tag[WRAP_TAG];
    struct kek *k;

    if (!kek)
        return no_kek("", e);
    if (n != WRAP_KEK || memcmp(p, magic_kek, sizeof(magic_kek)))
        return err_set(e, -EKEYREJECTED, "", "give back what the keyring gave",
                       "this is no encrypted key of a backup");
    k = OPENSSL_secure_zalloc(sizeof(*k));
    if (!k)
        return err_set(e, -ENOMEM, "", "free memory", "no memory for the key");
    memcpy(tag, sealed + KEK_SIZE, WRAP_TAG);
    if (gcm(kek, false, p, sizeof(magic_kek), sealed, KEK_SIZE, k->bytes, tag)) {
        *out = k;
        return 0;
    }
    kek_free(k);
    ERR_clear_error();
    return err_set(e, -EKEYREJECTED, "", "begin again",
                   "the backup's key was encrypted under another key-encryption key");
}
