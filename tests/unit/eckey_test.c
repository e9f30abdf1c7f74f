/* Is a key that was read without a parser the one that OpenSSL's own decoder reads? */
#include "handshake/eckey.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/provide.h"
#include "tests/unit/test.h"

static OSSL_LIB_CTX *elsewhere; /* with OpenSSL's own decoders */

static void start(void)
{
    if (elsewhere)
        return;
    check(provide_init() == 0);
    elsewhere = OSSL_LIB_CTX_new();
    check(elsewhere && OSSL_PROVIDER_load(elsewhere, "default"));
}

struct spki {
    uint8_t data[512];
    long n;
};

static EVP_PKEY *new_key(const char *group)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(elsewhere, NULL, "EC", group);

    check(key);
    return key;
}

static struct spki spki_of(EVP_PKEY *key)
{
    struct spki s;
    uint8_t *at = s.data;

    check(i2d_PUBKEY(key, NULL) <= (int)sizeof s.data);
    s.n = i2d_PUBKEY(key, &at);
    return s;
}

static EVP_PKEY *read_in(OSSL_LIB_CTX *where, const struct spki *s, long *used)
{
    const unsigned char *at = s->data;
    EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &at, s->n, where, NULL);

    *used = at - s->data;
    ERR_clear_error();
    return key;
}

/* Read in both ways: the same key, or no key. Was it one? */
static bool alike(const struct spki *s)
{
    long used, used_theirs;
    EVP_PKEY *ours = read_in(NULL, s, &used), *theirs = read_in(elsewhere, s, &used_theirs);
    bool good = ours && theirs;

    EXPECT(!ours == !theirs);
    if (good) {
        struct spki a = spki_of(ours), b = spki_of(theirs);
        char group[2][32] = {"", ""};

        EXPECT(used == used_theirs && a.n == b.n && !memcmp(a.data, b.data, (size_t)a.n));
        EXPECT(EVP_PKEY_get_bits(ours) == EVP_PKEY_get_bits(theirs));
        EVP_PKEY_get_group_name(ours, group[0], sizeof group[0], NULL);
        EVP_PKEY_get_group_name(theirs, group[1], sizeof group[1], NULL);
        EXPECT(!strcmp(group[0], group[1]));
    }
    EVP_PKEY_free(ours);
    EVP_PKEY_free(theirs);
    ERR_clear_error();
    return good;
}

static bool signs(EVP_PKEY *key, OSSL_LIB_CTX *where, EVP_PKEY *public, uint8_t spoil)
{
    static const uint8_t text[] = "signed with one half, verified with the other";
    uint8_t sig[160];
    size_t n = sizeof sig;
    EVP_MD_CTX *a = EVP_MD_CTX_new(), *b = EVP_MD_CTX_new();
    bool good;

    check(EVP_DigestSignInit_ex(a, NULL, "SHA256", elsewhere, NULL, key, NULL) == 1 &&
          EVP_DigestSign(a, sig, &n, text, sizeof text) == 1);
    sig[n - 1] ^= spoil;
    good = EVP_DigestVerifyInit_ex(b, NULL, "SHA256", where, NULL, public, NULL) == 1 &&
           EVP_DigestVerify(b, sig, n, text, sizeof text) == 1;
    EVP_MD_CTX_free(a);
    EVP_MD_CTX_free(b);
    ERR_clear_error();
    return good;
}

TEST("a key of either curve is read, and verifies what its other half signed, and nothing else")
{
    static const char *const groups[] = {"P-256", "P-384"};

    start();
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        for (int k = 0; k < 8; k++) { /* several: each copies the same bare key */
            EVP_PKEY *key = new_key(groups[i]), *stranger = new_key(groups[i]), *public;
            struct spki s = spki_of(key);
            long used;

            EXPECT(alike(&s));
            public = read_in(NULL, &s, &used);
            EXPECT(public && used == s.n && signs(key, NULL, public, 0));
            EXPECT(!signs(key, NULL, public, 1) && !signs(stranger, NULL, public, 0));
            EVP_PKEY_free(public);
            EVP_PKEY_free(stranger);
            EVP_PKEY_free(key);
        }
}

TEST("a key of which one bit differs is read or refused as by OpenSSL's own decoder")
{
    static const char *const groups[] = {"P-256", "P-384"};

    start();
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        EVP_PKEY *key = new_key(groups[i]);
        struct spki s = spki_of(key);
        unsigned read = 0;

        for (long bit = 0; bit < 8 * s.n; bit++) {
            s.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            read += alike(&s);
            s.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        EXPECT(read < 8); /* a point beside the curve is none */
        EVP_PKEY_free(key);
    }
}

TEST("a key that is cut, or has a byte behind it, is read as by OpenSSL's own decoder")
{
    EVP_PKEY *key;
    struct spki s;

    start();
    key = new_key("P-256");
    s = spki_of(key);
    s.data[s.n++] = 0;
    alike(&s);
    for (; s.n > 0; s.n--)
        alike(&s);
    EVP_PKEY_free(key);
}

TEST("other forms and curves go to OpenSSL's own decoder")
{
    static const char *const formats[] = {"compressed", "hybrid", "uncompressed"};
    EVP_PKEY *key;
    struct spki s;

    start();
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        key = new_key("P-256");
        check(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                             formats[i]) == 1);
        s = spki_of(key);
        EXPECT(alike(&s));
        EVP_PKEY_free(key);
    }
    key = new_key("P-521");
    s = spki_of(key);
    EXPECT(alike(&s));
    EVP_PKEY_free(key);
    key = new_key("P-256");
    check(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, "explicit") == 1);
    s = spki_of(key);
    EXPECT(s.n > 120);
    EXPECT(alike(&s));
    EVP_PKEY_free(key);
}

int main(void)
{
    return test_run();
}
