/* keystore: is only the right key taken, with a clear word why not, and kept for as many revisions
 * as it should? */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "handshake/keyring/keyfile.h"
#include "handshake/keyring/keystore.h"
#include "tests/unit/keyring_content.h"
#include "tests/unit/keyring_keys.h"

#define USES (POLICY_USE_SERVER | POLICY_USE_TLS13)

/* Prepare a revision with one identity, whose public key is that of `public`. Closes fd. */
static int prepare(struct keystore *k, uint64_t revision, EVP_PKEY *public, int fd, struct err *e)
{
    struct policy_identity id = identity_of(public, USES);
    struct policy p = {.revision = revision, .n_identities = 1, .identities = &id};
    int rc;

    memset(e, 0, sizeof(*e));
    rc = keystore_prepare(k, &p, &(struct keystore_file){fd, -1}, 1, e);
    OPENSSL_free((void *)(uintptr_t)id.spki.data);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* What a handshake process gets for a request of this revision and identity. */
static int ask(struct keystore *k, uint64_t revision, uint16_t identity)
{
    uint8_t out[KEYWIRE_SIGNATURE_MAX], c[CONTENT_ROOM];
    struct keywire_sign m = {.revision = revision,
                             .identity = identity,
                             .scheme = 0x0403,
                             .content = c,
                             .n_content = make_tls13(c, true, 32)};
    size_t n = sizeof(out);

    return keystore_sign(k, &m, out, &n);
}

static void expect_refused(EVP_PKEY *public, int fd, int error, const char *what)
{
    struct keystore k;
    struct err e;

    keystore_init(&k);
    EXPECT(prepare(&k, 1, public, fd, &e) == error);
    EXPECT(!strcmp(e.where, "/identities/gw/key"));
    EXPECT(strstr(e.what, what) != NULL);
    EXPECT(e.fix[0] != '\0');
    EXPECT(keystore_commit(&k, 1) == -ENOENT);
    EXPECT(ask(&k, 1, 0) == -ENOENT);
    keystore_fini(&k);
}

TEST("every kind of key is taken from PKCS#8")
{
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        EVP_PKEY *pkey = make_key((enum key_kind)kind);
        struct keystore k;
        struct err e;

        if (!pkey)
            continue; /* ML-DSA where this OpenSSL has none */
        keystore_init(&k);
        EXPECT(prepare(&k, 1, pkey, key_file(pkey), &e) == 0);
        EXPECT(keystore_commit(&k, 1) == 0);
        keystore_fini(&k);
        EVP_PKEY_free(pkey);
    }
}

TEST("RSA and EC keys are taken in their own formats, with EC parameters before them")
{
    EVP_PKEY *rsa = make_key(KEY_RSA), *ec = make_key(KEY_P256);
    BIO *bio = BIO_new(BIO_s_mem());
    struct keystore k;
    struct err e;

    keystore_init(&k);
    PEM_write_bio_PrivateKey_traditional(bio, rsa, NULL, NULL, 0, NULL, NULL);
    EXPECT(prepare(&k, 1, rsa, file_of(bio), &e) == 0);
    bio = BIO_new(BIO_s_mem());
    BIO_puts(bio, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
    PEM_write_bio_PrivateKey_traditional(bio, ec, NULL, NULL, 0, NULL, NULL);
    EXPECT(prepare(&k, 1, ec, file_of(bio), &e) == 0);
    keystore_fini(&k);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
}

TEST("the key of another certificate is refused, of the same kind or not")
{
    EVP_PKEY *ours = make_key(KEY_P256), *other = make_key(KEY_P256), *ed = make_key(KEY_ED25519);

    expect_refused(ours, key_file(other), -EKEYREJECTED, "does not match its certificate");
    expect_refused(ours, key_file(ed), -EKEYREJECTED, "does not match its certificate");
    EVP_PKEY_free(ours);
    EVP_PKEY_free(other);
    EVP_PKEY_free(ed);
}

TEST("a key file whose public half is the certificate's but whose private half is not is refused")
{
    EVP_PKEY *ours = make_key(KEY_P256), *other = make_key(KEY_P256);
    unsigned char *a = NULL, *b = NULL;
    int n_a = i2d_PrivateKey(ours, &a), n_b = i2d_PrivateKey(other, &b);
    BIO *bio = BIO_new(BIO_s_mem());

    /* SEC 1: the 32 private bytes stand behind the version; the rest holds the public point. */
    EXPECT(n_a == n_b);
    memcpy(a + 7, b + 7, 32);
    PEM_write_bio(bio, PEM_STRING_ECPRIVATEKEY, "", a, n_a);
    expect_refused(ours, file_of(bio), -EKEYREJECTED, "does not match its certificate");
    OPENSSL_free(a);
    OPENSSL_free(b);
    EVP_PKEY_free(ours);
    EVP_PKEY_free(other);
}

TEST("an encrypted key is refused in both formats, and nobody is asked for its pass phrase")
{
    static unsigned char phrase[] = "secret";
    EVP_PKEY *pkey = make_key(KEY_P256);
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PKCS8PrivateKey(bio, pkey, EVP_aes_256_cbc(), (char *)phrase, 6, NULL, NULL);
    expect_refused(pkey, file_of(bio), -EACCES, "is encrypted");
    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey_traditional(bio, pkey, EVP_aes_256_cbc(), phrase, 6, NULL, NULL);
    expect_refused(pkey, file_of(bio), -EACCES, "is encrypted");
    EVP_PKEY_free(pkey);
}

TEST("weak and unknown keys are refused, and the text says which they are")
{
    EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    EVP_PKEY *huge = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4104);
    EVP_PKEY *curve = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1");
    EVP_PKEY *exchange = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");

    expect_refused(small, key_file(small), -EKEYREJECTED, "RSA key of 1024 bits");
    expect_refused(huge, key_file(huge), -EKEYREJECTED, "RSA key of 4104 bits");
    expect_refused(curve, key_file(curve), -EKEYREJECTED, "secp256k1");
    expect_refused(exchange, key_file(exchange), -EKEYREJECTED, "X25519");
    EVP_PKEY_free(small);
    EVP_PKEY_free(huge);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(exchange);
}

TEST("a file without a private key, a broken one and an empty one are refused")
{
    EVP_PKEY *pkey = make_key(KEY_P256);
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PUBKEY(bio, pkey);
    expect_refused(pkey, file_of(bio), -ENOKEY, "no PEM private key");
    expect_refused(pkey, text_file(""), -ENOKEY, "no PEM private key");
    expect_refused(pkey, text_file("hello\n"), -ENOKEY, "no PEM private key");
    expect_refused(pkey,
                   text_file("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                   -ENOKEY, "can not be decoded");
    EVP_PKEY_free(pkey);
}

TEST("a key file above 64 KiB is refused, one of exactly 64 KiB is read")
{
    static char big[KEYFILE_MAX + 1];
    EVP_PKEY *pkey = make_key(KEY_P256);
    BIO *bio = BIO_new(BIO_s_mem());
    struct keystore k;
    struct err e;
    char *text;
    long n;

    memset(big, '\n', sizeof(big));
    PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    n = BIO_get_mem_data(bio, &text);
    memcpy(big + KEYFILE_MAX - n, text, (size_t)n);
    keystore_init(&k);
    EXPECT(prepare(&k, 1, pkey, memfd_seal("t", big, KEYFILE_MAX), &e) == 0);
    keystore_fini(&k);
    expect_refused(pkey, memfd_seal("t", big, KEYFILE_MAX + 1), -EFBIG, "can not be read");
    BIO_free(bio);
    EVP_PKEY_free(pkey);
}

TEST("an identity whose key was not handed over is refused")
{
    EVP_PKEY *pkey = make_key(KEY_P256);

    expect_refused(pkey, -1, -ENOENT, "was not handed over");
    EVP_PKEY_free(pkey);
}

TEST("the key file is read from its start wherever its offset is, and its offset stays")
{
    EVP_PKEY *pkey = make_key(KEY_P256), *read = NULL;
    enum key_kind kind;
    struct err e;
    int fd = key_file(pkey);

    EXPECT(lseek(fd, 100, SEEK_SET) == 100);
    EXPECT(keyfile_read(fd, NULL, "/x", &read, &kind, &e) == 0);
    EXPECT(kind == KEY_P256);
    EXPECT(lseek(fd, 0, SEEK_CUR) == 100);
    EXPECT(read && EVP_PKEY_eq(read, pkey) == 1);
    EVP_PKEY_free(read);
    EVP_PKEY_free(pkey);
    close(fd);
}

TEST("a revision signs from its commit until as many came after it as are kept")
{
    EVP_PKEY *pkey = make_key(KEY_P256);
    struct keystore k;
    struct err e;

    keystore_init(&k);
    EXPECT(prepare(&k, 1, pkey, key_file(pkey), &e) == 0);
    EXPECT(ask(&k, 1, 0) == -ENOENT);
    EXPECT(keystore_commit(&k, 2) == -ENOENT);
    EXPECT(keystore_commit(&k, 1) == 0);
    EXPECT(ask(&k, 1, 0) == 0);
    EXPECT(ask(&k, 1, 1) == -ENOENT);
    EXPECT(ask(&k, 2, 0) == -ENOENT);
    EXPECT(prepare(&k, 2, pkey, key_file(pkey), &e) == 0);
    EXPECT(ask(&k, 2, 0) == -ENOENT);
    EXPECT(keystore_commit(&k, 2) == 0);
    EXPECT(ask(&k, 1, 0) == 0);
    EXPECT(ask(&k, 2, 0) == 0);
    for (uint64_t r = 3; r <= KEYSTORE_KEPT; r++) {
        EXPECT(prepare(&k, r, pkey, key_file(pkey), &e) == 0);
        EXPECT(keystore_commit(&k, r) == 0);
    }
    EXPECT(ask(&k, 1, 0) == 0);
    EXPECT(prepare(&k, KEYSTORE_KEPT + 1, pkey, key_file(pkey), &e) == 0);
    EXPECT(keystore_commit(&k, KEYSTORE_KEPT + 1) == 0);
    EXPECT(ask(&k, 1, 0) == -ENOENT);
    EXPECT(ask(&k, 2, 0) == 0);
    EXPECT(ask(&k, KEYSTORE_KEPT + 1, 0) == 0);
    keystore_fini(&k);
    EVP_PKEY_free(pkey);
}

TEST("one file for one certificate is one key in all revisions, and another file or certificate is "
     "not")
{
    EVP_PKEY *pkey = make_key(KEY_P256), *other = make_key(KEY_P256);
    size_t before, one, many;
    struct keystore k;
    struct err e;

    EXPECT(CRYPTO_secure_malloc_init(1 << 20, 64) > 0);
    keystore_init(&k);
    before = CRYPTO_secure_used();
    EXPECT(prepare(&k, 1, pkey, key_file(pkey), &e) == 0 && keystore_commit(&k, 1) == 0);
    one = CRYPTO_secure_used() - before;
    EXPECT(one > 0);
    for (uint64_t r = 2; r <= 2 * KEYSTORE_KEPT; r++)
        EXPECT(prepare(&k, r, pkey, key_file(pkey), &e) == 0 && keystore_commit(&k, r) == 0);
    many = CRYPTO_secure_used() - before;
    EXPECT(many == one);
    EXPECT(prepare(&k, 50, other, key_file(pkey), &e) == -EKEYREJECTED);
    EXPECT(prepare(&k, 50, other, key_file(other), &e) == 0 && keystore_commit(&k, 50) == 0);
    EXPECT(ask(&k, 50, 0) == 0 && ask(&k, 2 * KEYSTORE_KEPT, 0) == 0);
    keystore_fini(&k);
    EXPECT(CRYPTO_secure_used() == before);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(other);
}

TEST("an aborted or refused revision leaves the running one as it was")
{
    EVP_PKEY *pkey = make_key(KEY_P256), *other = make_key(KEY_P256);
    struct keystore k;
    struct err e;

    keystore_init(&k);
    EXPECT(prepare(&k, 1, pkey, key_file(pkey), &e) == 0);
    EXPECT(keystore_commit(&k, 1) == 0);
    EXPECT(prepare(&k, 2, pkey, key_file(pkey), &e) == 0);
    keystore_abort(&k);
    EXPECT(keystore_commit(&k, 2) == -ENOENT);
    EXPECT(prepare(&k, 3, pkey, key_file(other), &e) == -EKEYREJECTED);
    EXPECT(keystore_commit(&k, 3) == -ENOENT);
    EXPECT(ask(&k, 1, 0) == 0);
    keystore_fini(&k);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(other);
}

int main(void)
{
    return test_run();
}
