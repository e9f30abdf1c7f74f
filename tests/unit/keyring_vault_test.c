/* vault: are keys made, wrapped and proved, and is a wrapped key worth nothing when it was touched?
 */
#include "tests/unit/vault_ask.h"

#include <errno.h>
#include <sys/mman.h>
#include "handshake/keyring/keyfile.h"

static const enum vault_kind quick[] = {VAULT_EC_P256, VAULT_EC_P384, VAULT_ED25519,
                                        VAULT_RSA_2048};

TEST("a key of each kind is made, comes wrapped, and opens to the public half that was told")
{
    struct kek *kek = ask_kek(1);

    for (int kind = 0; kind < VAULT_KINDS; kind++) {
        struct vault_answer a;
        EVP_PKEY *key = NULL, *public;

        if (kind == VAULT_RSA_4096) /* seconds; the process test makes one */
            continue;
        a = ask_make(kek, (uint8_t)kind);
        if (kind >= VAULT_ML_DSA_44 && a.error == ENOTSUP) {
            EXPECT(strstr(a.why.what, vault_kinds[kind]) != NULL && !a.key.n);
            continue;
        }
        EXPECT(a.error == 0 && a.key.n > WRAP_OVERHEAD && !a.n_ders);
        EXPECT(wrap_open(kek, a.key.p, a.key.n, "", &key, NULL) == 0);
        public = ask_public(a.spki);
        EXPECT(EVP_PKEY_eq(key, public) == 1);
        EVP_PKEY_free(public);
        EVP_PKEY_free(key);
    }
    kek_free(kek);
}

TEST("a wrapped key holds its key in clear nowhere, and two wrappings of it differ")
{
    struct kek *kek = ask_kek(1);
    EVP_PKEY *key = make_key(KEY_P256);
    uint8_t one[VAULT_KEY_MAX], two[VAULT_KEY_MAX];
    size_t n_one = sizeof(one), n_two = sizeof(two);
    BIGNUM *d = NULL;
    uint8_t secret[32];

    EXPECT(wrap_seal(kek, key, one, &n_one, NULL) == 0);
    EXPECT(wrap_seal(kek, key, two, &n_two, NULL) == 0);
    EXPECT(n_one == n_two && memcmp(one, two, n_one) && memcmp(one + 52, two + 52, n_one - 52));
    EXPECT(EVP_PKEY_get_bn_param(key, "priv", &d) == 1 && BN_bn2binpad(d, secret, 32) == 32);
    EXPECT(!memmem(one, n_one, secret, 8));
    BN_free(d);
    EVP_PKEY_free(key);
    kek_free(kek);
}

TEST("a wrapped key with any byte changed, or cut, is refused")
{
    struct kek *kek = ask_kek(1);
    struct vault_bytes good = ask_key(kek, VAULT_EC_P256);
    uint8_t bad[VAULT_KEY_MAX];
    EVP_PKEY *key = NULL;
    struct err e;

    for (size_t i = 0; i < good.n; i++) {
        memcpy(bad, good.p, good.n);
        bad[i] ^= 1 << (i % 8);
        EXPECT(wrap_open(kek, bad, good.n, "/k", &key, &e) == -EKEYREJECTED);
    }
    for (size_t n = 0; n < good.n; n++) {
        uint8_t *exact = malloc(n + 1);

        memcpy(exact, good.p, n);
        EXPECT(wrap_open(kek, exact, n, "/k", &key, &e) == -EKEYREJECTED);
        free(exact);
    }
    EXPECT(key == NULL && !strcmp(e.where, "/k"));
    kek_free(kek);
}

TEST("a wrapped key opens with its own KEK only, and says what may have happened")
{
    struct kek *kek = ask_kek(1), *other = ask_kek(2);
    struct vault_bytes wrapped = ask_key(kek, VAULT_ED25519);
    struct vault_csr m = {.request = 7, .key = wrapped};
    struct vault_answer a;

    m.names.n_subject = 1;
    m.names.subject[0] = (struct vault_pair){VAULT_CN, ask_text("gw")};
    a = ask_csr(other, &m);
    EXPECT(
        ask_says(&a, EKEYREJECTED, "encrypted on another machine or the key-encryption key was"));
    a = ask_csr(NULL, &m);
    EXPECT(ask_says(&a, ENOKEY, "there is no key-encryption key"));
    a = ask_csr(kek, &m);
    EXPECT(a.error == 0);
    a = ask_make(NULL, VAULT_EC_P256);
    EXPECT(ask_says(&a, ENOKEY, "there is no key-encryption key"));
    kek_free(other);
    kek_free(kek);
}

TEST("a KEK is a sealed memfd of 32 bytes, and not of zeros")
{
    static const uint8_t bytes[33] = {1};
    static const uint8_t zero[32];
    struct kek *k = NULL;
    const struct {
        int fd, rc;
    } rows[] = {{memfd_seal("kek", bytes, 31), -EINVAL},
                {memfd_seal("kek", bytes, 33), -EINVAL},
                {memfd_seal("kek", bytes, 0), -EINVAL},
                {memfd_seal("kek", zero, 32), -EINVAL},
                {memfd_create("kek", MFD_ALLOW_SEALING), -EPERM}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EXPECT(kek_read(rows[i].fd, &k) == rows[i].rc);
        close(rows[i].fd);
    }
    EXPECT(k == NULL);
}

TEST("a key file may be a wrapped key, which opens with the KEK and not without")
{
    struct kek *kek = ask_kek(1), *other = ask_kek(2);
    struct vault_bytes wrapped = ask_key(kek, VAULT_EC_P384);
    int fd = memfd_seal("key", wrapped.p, wrapped.n);
    enum key_kind kind = KEY_KINDS;
    EVP_PKEY *key = NULL;
    struct err e;

    EXPECT(keyfile_read(fd, NULL, "/identities/gw/key", &key, &kind, &e) == -ENOKEY);
    EXPECT(!strcmp(e.where, "/identities/gw/key") && strstr(e.what, "no key-encryption key"));
    EXPECT(keyfile_read(fd, other, "/identities/gw/key", &key, &kind, &e) == -EKEYREJECTED);
    EXPECT(!strcmp(e.where, "/identities/gw/key") && strstr(e.what, "another machine"));
    EXPECT(keyfile_read(fd, kek, "/identities/gw/key", &key, &kind, &e) == 0);
    EXPECT(kind == KEY_P384);
    EVP_PKEY_free(key);
    close(fd);
    kek_free(other);
    kek_free(kek);
}

TEST("WRAP takes the copy of a key file, and has nothing to do without one")
{
    struct kek *kek = ask_kek(1);
    struct vault_wrap m = {7, 1};
    EVP_PKEY *key = make_key(KEY_P256), *public;
    struct vault_answer a = ASK(kek, VAULT_WRAP, vault_put_wrap, &m, -1);

    EXPECT(ask_says(&a, ENOENT, "no copy of a key file"));
    a = ASK(kek, VAULT_WRAP, vault_put_wrap, &m, text_file("no key"));
    EXPECT(ask_says(&a, ENOKEY, "no PEM private key"));
    a = ASK(kek, VAULT_WRAP, vault_put_wrap, &m, key_file(key));
    EXPECT(a.error == 0);
    public = ask_public(a.spki);
    EXPECT(EVP_PKEY_eq(public, key) == 1);
    EVP_PKEY_free(public);
    EVP_PKEY_free(key);
    kek_free(kek);
}

TEST("what is no request is no answer either")
{
    static atomic_bool stop;
    uint8_t bytes[64] = {0};
    static const uint8_t types[] = {0,           VAULT_MAKE,  VAULT_IMPORT, VAULT_WRAP, VAULT_CSR,
                                    VAULT_ISSUE, VAULT_PROVE, VAULT_ANSWER, 255};

    for (size_t i = 0; i < sizeof(types); i++) {
        struct vaultjob job = {.stop = &stop, .type = types[i], .fd = -1};

        buf_init_read(&job.body, bytes, sizeof(bytes));
        buf_init(&job.out, ask_answer, sizeof(ask_answer));
        EXPECT(vaultwork(&job) == -EPROTO && job.out.len == 0);
    }
}

TEST("making a key can be called off")
{
    atomic_bool stop = true;
    struct vaultjob job = {.stop = &stop, .type = VAULT_MAKE, .fd = -1};
    struct vault_make m = {7, VAULT_RSA_4096};
    struct vault_answer a;
    struct buf b, r;

    buf_init(&b, ask_request, sizeof(ask_request));
    vault_put_make(&b, &m);
    buf_init_read(&job.body, b.data, b.len);
    buf_init(&job.out, ask_answer, sizeof(ask_answer));
    EXPECT(vaultwork(&job) == 0);
    buf_init_read(&r, ask_answer, job.out.len);
    EXPECT(vault_get_answer(&r, &a) == 0 && a.error == ECANCELED);
}

/* A certificate of this key, signed by itself. */
static struct vault_bytes certificate_of(EVP_PKEY *key, const EVP_MD *digest)
{
    X509 *x = X509_new();
    unsigned char *der = NULL;
    struct vault_bytes kept;
    int n;

    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 1000);
    EXPECT(X509_set_pubkey(x, key) == 1 && X509_sign(x, key, digest) > 0);
    n = i2d_X509(x, &der);
    kept = ask_keep((struct vault_bytes){der, (size_t)n});
    OPENSSL_free(der);
    X509_free(x);
    return kept;
}

TEST("PROVE tells the certificate of a key from another one's")
{
    struct kek *kek = ask_kek(1);

    for (size_t i = 0; i < sizeof(quick) / sizeof(quick[0]); i++) {
        struct vault_bytes wrapped = ask_key(kek, quick[i]), own, others;
        const EVP_MD *digest = quick[i] == VAULT_ED25519 ? NULL : EVP_sha256();
        EVP_PKEY *key = NULL, *other = make_key(KEY_P256);
        struct vault_answer a;

        EXPECT(wrap_open(kek, wrapped.p, wrapped.n, "", &key, NULL) == 0);
        own = certificate_of(key, digest);
        others = certificate_of(other, EVP_sha256());
        a = ask_prove(kek, wrapped, own);
        EXPECT(a.error == 0);
        a = ask_prove(kek, wrapped, others);
        EXPECT(ask_says(&a, EKEYREJECTED, "does not match"));
        own.n--;
        a = ask_prove(kek, wrapped, own);
        EXPECT(ask_says(&a, EBADMSG, "can not be decoded"));
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
    kek_free(kek);
}

int main(void)
{
    return test_run();
}
