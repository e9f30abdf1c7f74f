#include "handshake/keyring/prefetch.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "dataplane/base/check.h"
#include "handshake/keyring/sign.h"

static int lacking(struct err *e, const char *what)
{
    return err_set(e, -EIO, "openssl", "install OpenSSL 3.0 or newer with its default provider",
                   "%s is not to be had", what);
}

/* Make a key, take it through its encoding and back, and sign with it. */
static bool rehearse(const char *algorithm, const char *group, enum key_kind kind)
{
    EVP_PKEY *pkey = group ? EVP_PKEY_Q_keygen(NULL, NULL, algorithm, group)
                           : EVP_PKEY_Q_keygen(NULL, NULL, algorithm);
    unsigned char *der = NULL, *spki = NULL;
    const unsigned char *at;
    EVP_PKEY *public = NULL, *back = NULL;
    struct signer s = {0};
    bool good = false;
    int n, n_spki;

    if (!pkey)
        return false;
    n = i2d_PrivateKey(pkey, &der);
    n_spki = i2d_PUBKEY(pkey, &spki);
    at = der;
    if (n > 0)
        back = d2i_AutoPrivateKey(NULL, &at, n);
    at = spki;
    if (n_spki > 0)
    public = d2i_PUBKEY(NULL, &at, n_spki);
    if (back && public && !signer_init(&s, kind, back))
        good = !sign_prove(&s, public);
    signer_fini(&s);
    EVP_PKEY_free(public);
    EVP_PKEY_free(pkey);
    OPENSSL_free(der);
    OPENSSL_free(spki);
    return good;
}

/* What the vault may meet in a file, or encrypt with. None is asked for: what is not there is told
   when a file needs it. */
static void rehearse_vault(void)
{
    static const char *const ciphers[] = {"AES-256-GCM", "AES-128-CBC", "AES-192-CBC",
                                          "AES-256-CBC", "DES-EDE3-CBC"};
    static const char *const digests[] = {"MD5",      "SHA1",     "SHA2-224",
                                          "SHA2-256", "SHA2-384", "SHA2-512"};
    static const char *const kdfs[] = {"PBKDF2", "PKCS12KDF", "SCRYPT"};

    for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
        EVP_CIPHER_free(EVP_CIPHER_fetch(NULL, ciphers[i], NULL));
    for (size_t i = 0; i < ARRAY_LEN(digests); i++)
        EVP_MD_free(EVP_MD_fetch(NULL, digests[i], NULL));
    for (size_t i = 0; i < ARRAY_LEN(kdfs); i++)
        EVP_KDF_free(EVP_KDF_fetch(NULL, kdfs[i], NULL));
    EVP_MAC_free(EVP_MAC_fetch(NULL, "HMAC", NULL));
}

int prefetch(struct err *e)
{
    unsigned char byte;

    if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL))
        return lacking(e, "libcrypto");
    if (RAND_bytes(&byte, 1) != 1 || RAND_priv_bytes(&byte, 1) != 1)
        return lacking(e, "randomness");
    if (!rehearse("EC", "P-256", KEY_P256) || !rehearse("EC", "P-384", KEY_P384))
        return lacking(e, "ECDSA");
    if (!rehearse("ED25519", NULL, KEY_ED25519))
        return lacking(e, "Ed25519");
    (void)rehearse("ML-DSA-65", NULL, KEY_MLDSA65); /* from OpenSSL 3.5 */
    rehearse_vault();
    ERR_clear_error();
    return 0;
}
