#include "handshake/keyring/keyfile.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "dataplane/base/check.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 4096

#define FIX_KINDS "use RSA of 2048 to 4096 bits, ECDSA P-256 or P-384, Ed25519 or ML-DSA"
#define FIX_FILE  "name the PEM file of the certificate's private key"

struct kind_row {
    const char *algorithm, *group;
    enum key_kind kind;
};

static const struct kind_row kinds[] = {
    {"RSA", NULL, KEY_RSA},           {"RSA-PSS", NULL, KEY_RSA_PSS},
    {"EC", "prime256v1", KEY_P256},   {"EC", "P-256", KEY_P256},
    {"EC", "secp384r1", KEY_P384},    {"EC", "P-384", KEY_P384},
    {"ED25519", NULL, KEY_ED25519},   {"ML-DSA-44", NULL, KEY_MLDSA44},
    {"ML-DSA-65", NULL, KEY_MLDSA65}, {"ML-DSA-87", NULL, KEY_MLDSA87},
};

/* A curve written out in numbers, even in those of a known one: peers refuse it. */
static bool explicit_curve(const EVP_PKEY *pkey)
{
    int was = 0;

    return EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &was) ==
               1 &&
           was;
}

int keyfile_judge(const EVP_PKEY *pkey, const char *where, enum key_kind *kind, struct err *e)
{
    const char *name = EVP_PKEY_get0_type_name(pkey);
    int bits = EVP_PKEY_get_bits(pkey);
    char group[64] = "";

    if (EVP_PKEY_is_a(pkey, "EC"))
        (void)EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL);
    if (group[0] && explicit_curve(pkey))
        return err_set(e, -EKEYREJECTED, where,
                       "name the curve (openssl pkey -ec_param_enc "
                       "named_curve)",
                       "is an EC key whose curve is written out in numbers");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct kind_row *row = &kinds[i];
        bool rsa = row->kind == KEY_RSA || row->kind == KEY_RSA_PSS;

        if (!EVP_PKEY_is_a(pkey, row->algorithm) || (row->group && strcmp(group, row->group)))
            continue;
        if (rsa && (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX))
            return err_set(e, -EKEYREJECTED, where, FIX_KINDS, "is an RSA key of %d bits", bits);
        *kind = row->kind;
        return 0;
    }
    return err_set(e, -EKEYREJECTED, where, FIX_KINDS,
                   "is a key of a kind that is not taken (%s%s%s)", name ? name : "unknown",
                   group[0] ? " " : "", group);
}

/* All of the file into mem; bytes or -errno. */
static ssize_t read_file(int fd, uint8_t *mem, size_t cap)
{
    size_t n = 0;

    while (n < cap) {
        ssize_t got = pread(fd, mem + n, cap - n, (off_t)n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return (ssize_t)n;
        n += (size_t)got;
    }
    return -EFBIG;
}

int keyfile_digest(int fd, const uint8_t *spki, size_t n_spki, uint8_t digest[KEYFILE_DIGEST])
{
    uint8_t *file = OPENSSL_secure_malloc(KEYFILE_MAX + 1);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    ssize_t n = file ? read_file(fd, file, KEYFILE_MAX + 1) : -ENOMEM;
    bool good = md && n >= 0 && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(md, &n, sizeof(n)) == 1 && /* where the one ends */
                EVP_DigestUpdate(md, file, (size_t)n) == 1 &&
                EVP_DigestUpdate(md, spki, n_spki) == 1 &&
                EVP_DigestFinal_ex(md, digest, NULL) == 1;

    OPENSSL_secure_clear_free(file, KEYFILE_MAX + 1);
    EVP_MD_CTX_free(md);
    ERR_clear_error();
    return good ? 0 : -EIO;
}

/* There is nobody to ask; only note that a pass phrase was wanted. */
static int no_pass_phrase(char *mem, int size, int writing, void *wanted)
{
    (void)mem;
    (void)size;
    (void)writing;
    *(bool *)wanted = true;
    return -1;
}

struct format_row {
    const char *label, *structure, *algorithm;
};

static const struct format_row formats[] = {
    {PEM_STRING_PKCS8INF, "PrivateKeyInfo", NULL},
    {PEM_STRING_RSA, "type-specific", "RSA"},
    {PEM_STRING_ECPRIVATEKEY, "type-specific", "EC"},
};

EVP_PKEY *keyfile_decode(const char *label, const uint8_t *der, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        const struct format_row *f = &formats[i];
        EVP_PKEY *pkey = NULL;
        OSSL_DECODER_CTX *ctx;

        if (strcmp(label, f->label))
            continue;
        ctx = OSSL_DECODER_CTX_new_for_pkey(&pkey, "DER", f->structure, f->algorithm,
                                            EVP_PKEY_KEYPAIR, NULL, NULL);
        if (ctx && OSSL_DECODER_from_data(ctx, &der, &n) != 1) {
            EVP_PKEY_free(pkey);
            pkey = NULL;
        }
        OSSL_DECODER_CTX_free(ctx);
        return pkey;
    }
    return NULL;
}

EVP_PKEY *keyfile_pkcs8(const uint8_t *der, size_t n)
{
    return keyfile_decode(PEM_STRING_PKCS8INF, der, n);
}

int keyfile_prove(EVP_PKEY *pkey, enum key_kind kind, EVP_PKEY *public)
{
    struct signer s;
    int rc;

    EVP_PKEY_up_ref(pkey);
    rc = signer_init(&s, kind, pkey);
    if (rc)
        return rc;
    rc = EVP_PKEY_eq(public, pkey) == 1 ? sign_prove(&s, public) : -EKEYREJECTED;
    signer_fini(&s);
    ERR_clear_error();
    return rc;
}

static int parse(const uint8_t *pem, size_t n, const char *where, EVP_PKEY **out, struct err *e)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)n);
    unsigned char *der = NULL;
    bool encrypted = false;
    char *label = NULL;
    long n_der = 0;
    int found = 0;

    if (bio)
        found = PEM_bytes_read_bio_secmem(&der, &n_der, &label, PEM_STRING_EVP_PKEY, bio,
                                          no_pass_phrase, &encrypted);
    BIO_free(bio);
    if (found && !strcmp(label, PEM_STRING_PKCS8))
        encrypted = true;
    *out = found && !encrypted ? keyfile_decode(label, der, (size_t)n_der) : NULL;
    if (found)
        OPENSSL_secure_clear_free(der, (size_t)n_der);
    OPENSSL_secure_free(label);
    ERR_clear_error();
    if (*out)
        return 0;
    if (encrypted)
        return err_set(e, -EACCES, where, "store it unencrypted with mode 0600 (openssl pkey)",
                       "the key is encrypted, and there is nobody to ask for its pass phrase");
    if (found)
        return err_set(e, -ENOKEY, where, FIX_FILE, "the private key can not be decoded");
    return err_set(e, -ENOKEY, where, FIX_FILE, "the file holds no PEM private key");
}

int keyfile_read(int fd, const struct kek *kek, const char *where, EVP_PKEY **out,
                 enum key_kind *kind, struct err *e)
{
    uint8_t *pem = OPENSSL_secure_malloc(KEYFILE_MAX + 1);
    EVP_PKEY *pkey = NULL;
    ssize_t n;
    int rc;

    if (!pem)
        return err_set(e, -ENOMEM, where, "free memory", "no memory to read the key");
    n = read_file(fd, pem, KEYFILE_MAX + 1);
    if (n < 0)
        rc = err_set(e, (int)n, where, FIX_FILE, "the key file can not be read (%s)",
                     strerror((int)-n));
    else if (wrap_is(pem, (size_t)n))
        rc = wrap_open(kek, pem, (size_t)n, where, &pkey, e);
    else
        rc = parse(pem, (size_t)n, where, &pkey, e);
    OPENSSL_secure_clear_free(pem, KEYFILE_MAX + 1);
    if (!rc)
        rc = keyfile_judge(pkey, where, kind, e);
    if (rc) {
        EVP_PKEY_free(pkey);
        return rc;
    }
    *out = pkey;
    return 0;
}
