/* import: are key files of all common forms taken, and refused with a word that helps? */
#include "tests/unit/vault_ask.h"
#include "tests/unit/vault_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include "handshake/keyring/kdfcost.h"

static bool is_cert(struct vault_bytes der, X509 *x)
{
    unsigned char *want = NULL;
    int n = i2d_X509(x, &want);
    bool same = n > 0 && der.n == (size_t)n && !memcmp(der.p, want, der.n);

    OPENSSL_free(want);
    return same;
}

/* The answer has this key: told, and in the wrapping. */
static bool is_key(const struct kek *kek, const struct vault_answer *a, EVP_PKEY *key)
{
    EVP_PKEY *public = a->error ? NULL : ask_public(a->spki), *opened = NULL;
    bool same;

    if (!public) {
        printf("    error %d: %s\n", a->error, a->why.what);
        return false;
    }
    same = EVP_PKEY_eq(public, key) == 1 &&
           !wrap_open(kek, a->key.p, a->key.n, "", &opened, NULL) && EVP_PKEY_eq(opened, key) == 1;
    EVP_PKEY_free(public);
    EVP_PKEY_free(opened);
    return same;
}

static bool has_chain(const struct vault_answer *a, const struct file_chain *c)
{
    return a->n_ders == 3 && is_cert(a->ders[0], c->leaf) && is_cert(a->ders[1], c->ca) &&
           is_cert(a->ders[2], c->root);
}

TEST("PKCS#8 of every kind comes in, plain and encrypted")
{
    struct kek *kek = ask_kek(1);

    for (int kind = 0; kind < KEY_KINDS; kind++) {
        EVP_PKEY *key = make_key((enum key_kind)kind);
        struct vault_answer a;

        if (!key)
            continue; /* ML-DSA before OpenSSL 3.5 */
        a = ask_import(kek, "", key_file(key));
        EXPECT(is_key(kek, &a, key) && !a.n_ders);
        a = ask_import(kek, "horse", file_pkcs8(key, -1, "horse", 0));
        EXPECT(is_key(kek, &a, key));
        EVP_PKEY_free(key);
    }
    kek_free(kek);
}

TEST("PKCS#8 under 3DES and under scrypt comes in")
{
    struct kek *kek = ask_kek(1);
    EVP_PKEY *key = make_key(KEY_P256);
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
    X509_ALGOR *alg = PKCS5_pbe2_set_scrypt(EVP_aes_128_cbc(), NULL, 0, NULL, 16384, 8, 1);
    X509_SIG *sealed = PKCS8_set0_pbe("horse", 5, p8, alg);
    BIO *bio = BIO_new(BIO_s_mem());
    struct vault_answer a;

    a = ask_import(kek, "horse",
                   file_pkcs8(key, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, "horse", 0));
    EXPECT(is_key(kek, &a, key));
    PEM_write_bio_PKCS8(bio, sealed);
    a = ask_import(kek, "horse", file_of(bio));
    EXPECT(is_key(kek, &a, key));
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(p8);
    EVP_PKEY_free(key);
    kek_free(kek);
}

TEST("RSA's and EC's own formats come in, plain and in PEM's own encryption")
{
    static const enum key_kind forms[] = {KEY_RSA, KEY_P256};
    unsigned char word[] = "horse";
    struct kek *kek = ask_kek(1);

    for (int i = 0; i < 4; i++) {
        EVP_PKEY *key = make_key(forms[i % 2]);
        BIO *bio = BIO_new(BIO_s_mem());
        struct vault_answer a;

        EXPECT(PEM_write_bio_PrivateKey_traditional(bio, key, i < 2 ? NULL : EVP_aes_128_cbc(),
                                                    i < 2 ? NULL : word, i < 2 ? 0 : 5, NULL,
                                                    NULL) == 1);
        a = ask_import(kek, i < 2 ? "" : "horse", file_of(bio));
        EXPECT(is_key(kek, &a, key));
        EVP_PKEY_free(key);
    }
    kek_free(kek);
}

TEST("a missing passphrase and a wrong one are told apart, in every form")
{
    struct kek *kek = ask_kek(1);
    struct file_chain c = file_chain(KEY_P256);
    unsigned char word[] = "horse";
    BIO *bio = BIO_new(BIO_s_mem());
    struct file_p12 how = {0};
    int files[3];

    PEM_write_bio_PrivateKey_traditional(bio, c.key, EVP_aes_128_cbc(), word, 5, NULL, NULL);
    files[0] = file_of(bio);
    files[1] = file_pkcs8(c.key, -1, "horse", 0);
    files[2] = file_pkcs12(&c, "horse", &how);
    for (int i = 0; i < 3; i++) {
        struct vault_answer a = ask_import(kek, "", fcntl(files[i], F_DUPFD_CLOEXEC, 3));

        EXPECT(ask_says(&a, EACCES, "no passphrase was given"));
        a = ask_import(kek, "cow", files[i]);
        EXPECT(ask_says(&a, EACCES, "the passphrase is wrong"));
        EXPECT(!strstr(a.why.what, "cow") && !a.key.n && !a.spki.n);
    }
    file_chain_free(&c);
    kek_free(kek);
}

TEST("certificates come along: the key's own first, then each one's issuer, from any order")
{
    struct kek *kek = ask_kek(1);
    struct file_chain c = file_chain(KEY_P256);
    BIO *bio = BIO_new(BIO_s_mem());
    struct vault_answer a;

    PEM_write_bio_X509(bio, c.root);
    PEM_write_bio_PrivateKey(bio, c.key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509(bio, c.leaf);
    PEM_write_bio_X509(bio, c.ca);
    a = ask_import(kek, "", file_of(bio));
    EXPECT(is_key(kek, &a, c.key) && has_chain(&a, &c));

    bio = BIO_new(BIO_s_mem()); /* none is the key's */
    PEM_write_bio_X509(bio, c.root);
    PEM_write_bio_X509(bio, c.ca);
    PEM_write_bio_PrivateKey(bio, c.key, NULL, NULL, 0, NULL, NULL);
    a = ask_import(kek, "", file_of(bio));
    EXPECT(is_key(kek, &a, c.key) && a.n_ders == 2 && is_cert(a.ders[0], c.root));
    file_chain_free(&c);
    kek_free(kek);
}

TEST("PKCS#12 comes in: as OpenSSL 3 writes it, as 3DES, unencrypted within, with no passphrase")
{
    static const struct file_p12 hows[] = {
        {0},
        {NID_pbe_WithSHA1And3_Key_TripleDES_CBC, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 2048, 1},
        {-1, -1, 0, 2048},
        {0, 0, 2048, -1}}; /* no MAC */
    static const char *const words[] = {"horse", ""};
    struct kek *kek = ask_kek(1);

    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
        for (int j = 0; j < 2; j++) {
            struct file_chain c = file_chain(i ? KEY_P256 : KEY_RSA);
            struct vault_answer a = ask_import(kek, words[j], file_pkcs12(&c, words[j], &hows[i]));

            EXPECT(is_key(kek, &a, c.key) && has_chain(&a, &c));
            file_chain_free(&c);
        }
    }
    kek_free(kek);
}

/* What stands in the file is all that counts: the legacy provider need not be there to name it. */
static int with_pbe(EVP_PKEY *key, int pbe, int rounds)
{
    static unsigned char salt[8] = "saltsalt";
    X509_ALGOR *alg = PKCS5_pbe_set(pbe, rounds, salt, sizeof(salt));
    X509_SIG *sealed = X509_SIG_new();
    BIO *bio = BIO_new(BIO_s_mem());
    X509_ALGOR *to;
    ASN1_OCTET_STRING *bytes;

    (void)key;
    X509_SIG_getm(sealed, &to, &bytes);
    X509_ALGOR_copy(to, alg);
    ASN1_OCTET_STRING_set(bytes, salt, sizeof(salt));
    PEM_write_bio_PKCS8(bio, sealed);
    X509_SIG_free(sealed);
    X509_ALGOR_free(alg);
    return file_of(bio);
}

TEST("RC2 and single DES are refused with a word about the legacy provider")
{
    static const int pbes[] = {NID_pbe_WithSHA1And40BitRC2_CBC, NID_pbe_WithSHA1And128BitRC2_CBC,
                               NID_pbeWithMD5AndDES_CBC};
    struct kek *kek = ask_kek(1);

    for (size_t i = 0; i < sizeof(pbes) / sizeof(pbes[0]); i++) {
        struct vault_answer a = ask_import(kek, "horse", with_pbe(NULL, pbes[i], 2048));

        EXPECT(ask_says(&a, ENOTSUP, "legacy provider"));
    }
    kek_free(kek);
}

TEST("a file that asks for absurd work on its passphrase is refused before any is done")
{
    struct kek *kek = ask_kek(1);
    struct file_chain c = file_chain(KEY_P256);
    X509_ALGOR *scrypt = PKCS5_pbe2_set_scrypt(EVP_aes_128_cbc(), NULL, 0, NULL, 16384, 1, 1024);
    X509_ALGOR *many = PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), KDFCOST_BUDGET, NULL, 0, NULL, -1);
    X509_ALGOR *none = X509_ALGOR_new();
    uint64_t budget = KDFCOST_BUDGET;
    struct vault_answer a;
    struct err e;

    a = ask_import(kek, "horse",
                   with_pbe(c.key, NID_pbe_WithSHA1And3_Key_TripleDES_CBC, 2147483647));
    EXPECT(ask_says(&a, E2BIG, "too much work"));
    EXPECT(kdfcost_take(scrypt, &budget, &e) == -E2BIG);
    EXPECT(kdfcost_take(many, &budget, &e) == 0 && budget == 0);
    budget = KDFCOST_BUDGET - 1;
    EXPECT(kdfcost_take(many, &budget, &e) == -E2BIG && budget == KDFCOST_BUDGET - 1);
    X509_ALGOR_set0(none, OBJ_nid2obj(NID_pbes2), V_ASN1_NULL, NULL);
    EXPECT(kdfcost_take(none, &budget, &e) == -EBADMSG);
    X509_ALGOR_set0(none, OBJ_nid2obj(NID_sha256), V_ASN1_NULL, NULL);
    EXPECT(kdfcost_take(none, &budget, &e) == -ENOTSUP);
    X509_ALGOR_free(scrypt);
    X509_ALGOR_free(many);
    X509_ALGOR_free(none);
    file_chain_free(&c);
    kek_free(kek);
}

TEST("the rounds of a PKCS#12 file's MAC and of its bags count together")
{
    struct kek *kek = ask_kek(1);
    struct file_chain c = file_chain(KEY_P256);
    struct file_p12 mac = {-1, -1, 0, 2048};
    const uint8_t *at;
    const void *bytes;
    uint8_t *out = NULL;
    PKCS12 *p12;
    const ASN1_INTEGER *rounds;
    struct vault_answer a;
    size_t n;
    int fd = file_pkcs12(&c, "horse", &mac), n_out;

    EXPECT(memfd_map(fd, VAULT_PKCS12_MAX, &bytes, &n) == 0);
    at = bytes;
    p12 = d2i_PKCS12(NULL, &at, (long)n);
    PKCS12_get0_mac(NULL, NULL, NULL, &rounds, p12);
    ASN1_INTEGER_set((ASN1_INTEGER *)(uintptr_t)rounds, KDFCOST_BUDGET + 1);
    n_out = i2d_PKCS12(p12, &out);
    a = ask_import(kek, "horse", memfd_seal("p12", out, (size_t)n_out));
    EXPECT(ask_says(&a, E2BIG, "too much work"));
    OPENSSL_free(out);
    PKCS12_free(p12);
    close(fd);
    file_chain_free(&c);
    kek_free(kek);
}

TEST("keys that the gateway does not take are refused, and so are two at once")
{
    struct kek *kek = ask_kek(1);
    EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-521"), *key = make_key(KEY_P256);
    BIO *bio = BIO_new(BIO_s_mem());
    struct vault_answer a = ask_import(kek, "", key_file(small));

    EXPECT(ask_says(&a, EKEYREJECTED, "RSA key of 1024 bits"));
    a = ask_import(kek, "", key_file(curve));
    EXPECT(ask_says(&a, EKEYREJECTED, "a kind that is not taken"));
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    a = ask_import(kek, "", file_of(bio));
    EXPECT(ask_says(&a, E2BIG, "more than one private key"));
    EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit");
    a = ask_import(kek, "", key_file(key));
    EXPECT(ask_says(&a, EKEYREJECTED, "written out in numbers"));
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(key);
    kek_free(kek);
}

/* An EC key's own format holds both halves; here they are of two keys. */
static int torn_key(void)
{
    EVP_PKEY *one = make_key(KEY_P256), *two = make_key(KEY_P256);
    unsigned char *der = NULL, *other = NULL;
    int n = i2d_PrivateKey(one, &der), n_other = i2d_PrivateKey(two, &other);
    BIO *bio = BIO_new(BIO_s_mem());

    EXPECT(n == n_other && n > 65);
    memcpy(der + n - 65, other + n - 65, 65); /* the point stands at the end */
    PEM_write_bio(bio, PEM_STRING_ECPRIVATEKEY, "", der, n);
    OPENSSL_free(der);
    OPENSSL_free(other);
    EVP_PKEY_free(one);
    EVP_PKEY_free(two);
    return file_of(bio);
}

TEST("a private half that is not the public one's is refused")
{
    struct kek *kek = ask_kek(1);
    struct vault_answer a = ask_import(kek, "", torn_key());

    EXPECT(a.error == EKEYREJECTED || a.error == EBADMSG);
    kek_free(kek);
}

TEST("what is no key file is refused: nothing, text, a certificate alone, damage, too much")
{
    static uint8_t big[VAULT_PKCS12_MAX + 1];
    struct kek *kek = ask_kek(1);
    struct file_chain c = file_chain(KEY_P256);
    BIO *bio = BIO_new(BIO_s_mem());
    struct vault_answer a;

    a = ask_import(kek, "", text_file("hello"));
    EXPECT(ask_says(&a, ENOKEY, "no private key"));
    a = ask_import(kek, "", text_file("0hello"));
    EXPECT(ask_says(&a, EBADMSG, "neither PEM nor PKCS#12"));
    a = ask_import(kek, "", text_file("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
    EXPECT(ask_says(&a, EBADMSG, "damaged"));
    PEM_write_bio_X509(bio, c.leaf);
    a = ask_import(kek, "", file_of(bio));
    EXPECT(ask_says(&a, ENOKEY, "no private key"));
    a = ask_import(kek, "", memfd_seal("x", big, VAULT_PEM_MAX));
    EXPECT(ask_says(&a, ENOKEY, "no private key"));
    a = ask_import(kek, "", memfd_seal("x", big, VAULT_PEM_MAX + 1));
    EXPECT(ask_says(&a, EFBIG, "larger than 65536 bytes"));
    a = ask_import(kek, "", memfd_seal("x", big, sizeof(big)));
    EXPECT(ask_says(&a, EFBIG, "can not be read"));
    a = ask_import(kek, "", memfd_create("open", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    EXPECT(ask_says(&a, EPERM, "can not be read"));
    file_chain_free(&c);
    kek_free(kek);
}

TEST("sixteen certificates come along and not one more")
{
    struct kek *kek = ask_kek(1);
    struct file_chain c = file_chain(KEY_P256);

    for (int n = VAULT_DERS_MAX; n <= VAULT_DERS_MAX + 1; n++) {
        BIO *bio = BIO_new(BIO_s_mem());
        struct vault_answer a;

        PEM_write_bio_PrivateKey(bio, c.key, NULL, NULL, 0, NULL, NULL);
        for (int i = 0; i < n; i++)
            PEM_write_bio_X509(bio, c.root);
        a = ask_import(kek, "", file_of(bio));
        if (n == VAULT_DERS_MAX)
            EXPECT(a.error == 0 && a.n_ders == VAULT_DERS_MAX);
        else
            EXPECT(ask_says(&a, E2BIG, "more than 16 certificates"));
    }
    file_chain_free(&c);
    kek_free(kek);
}

int main(void)
{
    return test_run();
}
