/* Is what OpenSSL derives through us what it would derive by itself, and who hears of it? */
#include "handshake/kdf.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/hmac.h"
#include "handshake/provide.h"
#include "handshake/secrets.h"
#include "tests/unit/hex.h"
#include "tests/unit/test.h"

static OSSL_LIB_CTX *elsewhere; /* with OpenSSL's own */

static void start(void)
{
    if (elsewhere)
        return;
    check(provide_init() == 0);
    elsewhere = OSSL_LIB_CTX_new();
    check(elsewhere && OSSL_PROVIDER_load(elsewhere, "default"));
}

/* One call as libssl makes it; what is NULL is not given. */
struct call {
    int mode;
    const char *digest, *label;
    const uint8_t *key, *salt, *context;
    size_t n_key, n_salt, n_context, n;
    const OSSL_PARAM *more; /* in the place of the prefix; NULL: none */
};

static bool derive(OSSL_LIB_CTX *where, const struct call *c, uint8_t *out)
{
    static uint8_t prefix[] = "tls13 ";
    OSSL_PARAM params[9], *p = params;
    EVP_KDF *kdf = EVP_KDF_fetch(where, "TLS13-KDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int mode = c->mode;
    bool good;

    *p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    if (c->digest)
        *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t)c->digest,
                                                0);
    if (c->key)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)c->key,
                                                 c->n_key);
    if (c->salt)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)c->salt,
                                                 c->n_salt);
    *p++ = c->more ? *c->more : OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix, 6);
    if (c->label)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, (void *)(uintptr_t)c->label,
                                                 strlen(c->label));
    if (c->context)
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA, (void *)(uintptr_t)c->context,
                                                 c->n_context);
    *p = OSSL_PARAM_construct_end();
    good = ctx && EVP_KDF_derive(ctx, out, c->n, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return good;
}

static void same(const struct call *c)
{
    uint8_t ours[64], theirs[64];

    EXPECT(derive(NULL, c, ours) && derive(elsewhere, c, theirs) && !memcmp(ours, theirs, c->n));
}

static const char *const digests[] = {"SHA2-256", "SHA2-384"};
static const size_t sizes[] = {32, 48};
static uint8_t secret[48], other[48], hash[48];

static void fill(uint8_t seed)
{
    for (size_t i = 0; i < sizeof secret; i++) {
        secret[i] = (uint8_t)(seed + 7 * i);
        other[i] = (uint8_t)(seed ^ (91 + 5 * i));
        hash[i] = (uint8_t)(3 * seed + i);
    }
}

TEST("every derivation of the key schedule is what OpenSSL's own makes of it")
{
    static const char *const labels[] = {"c hs traffic",
                                         "s hs traffic",
                                         "c ap traffic",
                                         "s ap traffic",
                                         "exp master",
                                         "res master",
                                         "key",
                                         "iv",
                                         "finished",
                                         "derived",
                                         ""};

    start();
    for (size_t d = 0; d < ARRAY_LEN(digests); d++)
        for (size_t l = 0; l < ARRAY_LEN(labels); l++)
            for (size_t n = 1; n <= sizes[d]; n++) {
                struct call c = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                                 .digest = digests[d],
                                 .label = labels[l],
                                 .key = secret,
                                 .n_key = sizes[d],
                                 .n = n};

                fill((uint8_t)(d + l + n));
                same(&c); /* without a context */
                c.context = hash;
                c.n_context = n % 2 ? sizes[d] : n;
                same(&c);
            }
}

TEST("the three extractions are what OpenSSL's own makes of them: early, handshake, master")
{
    start();
    for (size_t d = 0; d < ARRAY_LEN(digests); d++) {
        struct call c = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
                         .digest = digests[d],
                         .label = "derived",
                         .n = sizes[d]};

        fill((uint8_t)d);
        same(&c);
        c.key = secret;
        c.n_key = 32;
        same(&c);
        c.salt = other;
        c.n_salt = sizes[d];
        for (c.n_key = 1; c.n_key <= 48; c.n_key++)
            same(&c);
        c.key = NULL;
        same(&c);
    }
}

TEST("the handshake secret follows from the early one that all share, under its own label only")
{
    start();
    for (size_t d = 0; d < ARRAY_LEN(digests); d++) {
        uint8_t early[64];
        struct call c = {.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY,
                         .digest = digests[d],
                         .label = "derived",
                         .n = sizes[d]};

        fill((uint8_t)(40 + d));
        EXPECT(derive(elsewhere, &c, early));
        c.salt = early;
        c.n_salt = sizes[d];
        c.key = secret;
        c.n_key = 32;
        same(&c);
        c.label = "derivex";
        same(&c);
        c.label = "derived";
        early[sizes[d] - 1] ^= 1;
        same(&c);
    }
}

/* RFC 8448 section 3: a handshake with SHA-256. */
TEST("the early secret and the first derivation from it are RFC 8448's")
{
    static const char early_hex[] =
        "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a";
    static const char derived_hex[] =
        "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba";
    struct call c = {
        .mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY, .digest = "SHA2-256", .label = "derived", .n = 32};
    uint8_t out[64], nothing[32], early[32];

    start();
    EXPECT(derive(NULL, &c, out) && hex_equal(out, 32, early_hex));
    memcpy(early, out, sizeof early);
    check(EVP_Digest("", 0, nothing, NULL, EVP_sha256(), NULL) == 1);
    c = (struct call){.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                      .digest = "SHA2-256",
                      .label = "derived",
                      .key = early,
                      .n_key = 32,
                      .context = nothing,
                      .n_context = 32,
                      .n = 32};
    EXPECT(derive(NULL, &c, out) && hex_equal(out, 32, derived_hex));
}

TEST("an order that is not TLS 1.3's is refused")
{
    struct call good = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                        .digest = "SHA2-384",
                        .label = "key",
                        .key = secret,
                        .n_key = 48,
                        .n = 32},
                c = good;
    char long_label[256], digest[] = "SHA2-384";
    OSSL_PARAM odd = OSSL_PARAM_construct_octet_string("odd", secret, 1),
               number = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_PREFIX, digest, 0);
    uint8_t out[512];

    start();
    EXPECT(derive(NULL, &c, out));
    c.n = 49; /* more than one block */
    EXPECT(!derive(NULL, &c, out));
    c.n = 0;
    EXPECT(!derive(NULL, &c, out));
    c = good, c.digest = "SHA2-512";
    EXPECT(!derive(NULL, &c, out));
    c = good, c.digest = NULL;
    EXPECT(!derive(NULL, &c, out));
    c = good, c.mode = EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND;
    EXPECT(!derive(NULL, &c, out));
    c = good, c.key = NULL;
    EXPECT(!derive(NULL, &c, out));
    c = good, c.label = NULL;
    EXPECT(!derive(NULL, &c, out));
    c = good, c.more = &odd;
    EXPECT(!derive(NULL, &c, out));
    c = good, c.more = &number; /* a text where bytes are due */
    EXPECT(!derive(NULL, &c, out));
    memset(long_label, 'x', sizeof long_label - 1);
    long_label[sizeof long_label - 1] = '\0';
    c = good, c.label = long_label;
    EXPECT(!derive(NULL, &c, out));
    c = good, c.mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY; /* of another length than the hash's */
    EXPECT(!derive(NULL, &c, out));
}

TEST("who listens hears the two application traffic secrets, and nobody hears others")
{
    static const char *const quiet[] = {"c hs traffic", "s hs traffic", "exp master",
                                        "key",          "c ap traffix", "c ap traffic "};
    struct call c = {.mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY,
                     .digest = "SHA2-384",
                     .key = secret,
                     .n_key = 48,
                     .n = 48};
    struct secrets s = {0}, none = {0};
    uint8_t client[64], server[64];

    start();
    fill(9);
    kdf_listen(&s);
    for (size_t i = 0; i < ARRAY_LEN(quiet); i++) {
        c.label = quiet[i];
        EXPECT(derive(NULL, &c, client) && !memcmp(&s, &none, sizeof s));
    }
    c.label = "c ap traffic";
    EXPECT(derive(NULL, &c, client) && s.n_client == 48 && !memcmp(s.client, client, 48));
    EXPECT(s.n_server == 0);
    c.label = "s ap traffic";
    EXPECT(derive(NULL, &c, server) && s.n_server == 48 && !memcmp(s.server, server, 48));
    EXPECT(!memcmp(s.client, client, 48));
    secrets_wipe(&s);
    kdf_listen(NULL);
    EXPECT(derive(NULL, &c, server) && !memcmp(&s, &none, sizeof s));
}

static size_t mac(OSSL_LIB_CTX *where, const char *digest, const uint8_t *key, size_t n_key,
                  const uint8_t *data, size_t n, size_t cut, uint8_t out[64])
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC *m = EVP_MAC_fetch(where, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(m), *copy = NULL;
    size_t n_out = 0;

    /* Half of it, then a copy goes on alone. */
    if (EVP_MAC_init(ctx, key, n_key, params) == 1 && EVP_MAC_update(ctx, data, cut) == 1 &&
        (copy = EVP_MAC_CTX_dup(ctx)) && EVP_MAC_update(copy, data + cut, n - cut) == 1 &&
        EVP_MAC_final(copy, out, &n_out, 64) == 1)
        EXPECT(n_out == EVP_MAC_CTX_get_mac_size(ctx));
    EVP_MAC_CTX_free(copy);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(m);
    ERR_clear_error();
    return n_out;
}

TEST("HMAC is OpenSSL's own for keys and data of every length around a block")
{
    static uint8_t key[300], data[300];
    uint8_t ours[64], theirs[64];

    start();
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(i * 13);
        data[i] = (uint8_t)(i ^ 77);
    }
    for (size_t d = 0; d < ARRAY_LEN(digests); d++)
        for (size_t n = 1; n <= sizeof key; n += n % 64 < 60 && n % 64 > 3 ? 20 : 1) {
            size_t a = mac(NULL, digests[d], key, n, data, 300 - n, (300 - n) / 2, ours);
            size_t b = mac(elsewhere, digests[d], key, n, data, 300 - n, (300 - n) / 2, theirs);

            EXPECT(a == sizes[d] && a == b && !memcmp(ours, theirs, a));
        }
}

TEST("a MAC without a digest that a suite has, without a key or with too little room is refused")
{
    uint8_t out[64];
    EVP_MAC *m;
    EVP_MAC_CTX *ctx;
    size_t n;

    start();
    EXPECT(mac(NULL, "SHA2-512", secret, 48, secret, 48, 1, out) == 0);
    EXPECT(mac(NULL, "MD5", secret, 48, secret, 48, 1, out) == 0);
    EXPECT(mac(elsewhere, "SHA2-512", secret, 48, secret, 48, 1, out) == 64);
    m = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ctx = EVP_MAC_CTX_new(m);
    EXPECT(EVP_MAC_init(ctx, secret, 48, NULL) != 1); /* no digest was named */
    EXPECT(EVP_MAC_update(ctx, secret, 1) != 1);
    EXPECT(EVP_MAC_final(ctx, out, &n, sizeof out) != 1);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(m);
    EXPECT(EVP_Q_mac(NULL, "HMAC", NULL, "SHA2-384", NULL, secret, 48, secret, 48, out, 47, &n) ==
           NULL);
    EXPECT(EVP_Q_mac(NULL, "HMAC", NULL, "SHA2-384", NULL, secret, 48, secret, 48, out, 48, &n) ==
               out &&
           n == 48);
    ERR_clear_error();
}

TEST("nothing of a key stays where HMAC was computed")
{
    static const struct hmac none;
    struct hmac h;
    uint8_t out[HMAC_SIZE_MAX];

    start();
    fill(1);
    EXPECT(!hmac_init(&h, hmac_hash("SHA256")) && !hmac_key(&h, secret, 32));
    EXPECT(!hmac_add(&h, other, 48) && !hmac_end(&h, out));
    EXPECT(memcmp(h.pad, none.pad, sizeof h.pad));
    hmac_fini(&h);
    EXPECT(!memcmp(&h, &none, sizeof h));
    hmac_fini(&h);
}

int main(void)
{
    return test_run();
}
