/* Are keys derived as RFC 8446 says? Held against RFC 8448's trace and OpenSSL's own HKDF. */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include "dataplane/base/check.h"
#include "dataplane/record/record.h"
#include "dataplane/record/schedule.h"
#include "dataplane/record/seal.h"
#include "tests/unit/hex.h"
#include "tests/unit/test.h"

/* RFC 8448 section 3, "Simple 1-RTT Handshake": from the traffic secrets on. */
static const char client_secret[] =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
static const char server_secret[] =
    "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

static const char ticket[] =
    "040000c90000001efad6aac502000000b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90"
    "bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d"
    "2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d8f"
    "92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5bfbc388e9334369"
    "4093934ae4d3570008002a000400000400";
static const char data[] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
    "2425262728292a2b2c2d2e2f3031";

struct trace {
    uint8_t type;
    const char *content, *record;
};

static const struct trace client_trace[] = {
    {CONTENT_DATA, data,
     "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441"
     "e"
     "2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4"},
    {CONTENT_ALERT, "0100", "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3"},
};

static const struct trace server_trace[] = {
    {CONTENT_HANDSHAKE, ticket,
     "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db2"
     "8"
     "9a015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03"
     "f"
     "75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025d"
     "b"
     "2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5"
     "1"
     "37121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f"},
    {CONTENT_DATA, data,
     "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a5"
     "9"
     "a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d"},
    {CONTENT_ALERT, "0100", "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9"},
};

static struct traffic_keys keys_of(uint16_t suite, const char *secret)
{
    struct traffic_keys k = {.suite = suite_by_id(suite)};

    unhex(secret, k.secret, sizeof k.secret);
    return k;
}

TEST("RFC 8448: the client's secret gives its write key and IV")
{
    struct traffic_keys k = keys_of(0x1301, client_secret);

    EXPECT(schedule_keys(&k) == 0);
    EXPECT(hex_equal(k.key, 16, "17422dda596ed5d9acd890e3c63f5051"));
    EXPECT(hex_equal(k.iv, 12, "5b78923dee08579033e523d9"));
}

TEST("RFC 8448: the server's secret gives its write key and IV")
{
    struct traffic_keys k = keys_of(0x1301, server_secret);

    EXPECT(schedule_keys(&k) == 0);
    EXPECT(hex_equal(k.key, 16, "9f02283b6c9c07efc26bb9f2ac92e356"));
    EXPECT(hex_equal(k.iv, 12, "cf782b88dd83549aadf1e984"));
}

/* Both libraries seal the trace byte for byte, and open it. */
static void follow(const char *secret, const struct trace *t, size_t n_trace)
{
    const struct seal_ops *ops[] = {&seal_evp, seal_ipsecmb(AEAD_AES_128_GCM)};

    for (size_t i = 0; i < ARRAY_LEN(ops) && ops[i]; i++) {
        struct traffic_keys k = keys_of(0x1301, secret), k2 = keys_of(0x1301, secret);
        struct seal tx, rx;

        EXPECT(seal_init(&tx, &k, ops[i]) == 0 && seal_init(&rx, &k2, ops[i]) == 0);
        for (size_t j = 0; j < n_trace; j++) {
            uint8_t content[512], record[512];
            size_t n = unhex(t[j].content, content, sizeof content), n_record = 0;
            struct opened o = {0};

            EXPECT(seal_record(&tx, t[j].type, content, n, record, &n_record) == 0);
            EXPECT(hex_equal(record, n_record, t[j].record));
            n_record = unhex(t[j].record, record, sizeof record);
            EXPECT(open_record(&rx, record, n_record, &o) == 0);
            EXPECT(o.type == t[j].type && o.n == n && !memcmp(o.data, content, n));
        }
        seal_fini(&tx);
        seal_fini(&rx);
    }
}

TEST("RFC 8448: the client's data and alert records")
{
    follow(client_secret, client_trace, ARRAY_LEN(client_trace));
}

TEST("RFC 8448: the server's ticket, data and alert records")
{
    follow(server_secret, server_trace, ARRAY_LEN(server_trace));
}

/* OpenSSL's HKDF over an info put together here, by RFC 8446 7.1. */
static bool openssl_expand(const struct suite *suite, uint8_t *secret, const char *label,
                           uint8_t *out, size_t n)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    uint8_t info[80];
    char sha256[] = "SHA256", sha384[] = "SHA384"; /* the parameter wants them writable */
    char *digest = suite->hash_len == 48 ? sha384 : sha256;
    int n_info = snprintf((char *)info, sizeof info, "%c%c%ctls13 %s%c", 0, (int)n,
                          (int)strlen(label) + 6, label, 0);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, suite->hash_len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, (size_t)n_info),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    bool ok;

    ok = EVP_KDF_derive(ctx, out, n, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok;
}

TEST("labels expand as OpenSSL's HKDF expands them, for both hashes, to every size")
{
    static const char *const label[] = {"key", "iv", "traffic upd", "x"};
    uint8_t secret[SUITE_SECRET_MAX], got[SUITE_SECRET_MAX], want[SUITE_SECRET_MAX];

    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)(0xa0 + i);
    for (size_t i = 0; suite_at(i); i++) {
        const struct suite *s = suite_at(i);

        for (size_t l = 0; l < ARRAY_LEN(label); l++) {
            for (size_t n = 1; n <= s->hash_len; n++) {
                EXPECT(schedule_expand_label(s, secret, label[l], got, n) == 0);
                EXPECT(openssl_expand(s, secret, label[l], want, n) && !memcmp(got, want, n));
            }
        }
    }
}

TEST("an update derives the next secret, key and IV, and starts counting anew")
{
    for (size_t i = 0; suite_at(i) && suite_at(i)->version == TLS13; i++) {
        const struct suite *s = suite_at(i);
        struct traffic_keys k = {.suite = s, .secret = {1, 2, 3}, .seq = 77, .epoch = 4};
        uint8_t secret[SUITE_SECRET_MAX], key[SUITE_KEY_MAX], iv[SUITE_IV_MAX];

        EXPECT(openssl_expand(s, k.secret, "traffic upd", secret, s->hash_len));
        EXPECT(openssl_expand(s, secret, "key", key, s->key_len));
        EXPECT(openssl_expand(s, secret, "iv", iv, s->iv_len));
        EXPECT(schedule_update(&k) == 0);
        EXPECT(!memcmp(k.secret, secret, s->hash_len) && !memcmp(k.key, key, s->key_len));
        EXPECT(!memcmp(k.iv, iv, s->iv_len));
        EXPECT(k.seq == 0 && k.epoch == 5 && k.suite == s);
    }
}

TEST("TLS 1.2 keys are left as they are, and have no update")
{
    struct traffic_keys k = {.suite = suite_by_id(0xc02f), .key = {1, 2}, .iv = {3}, .seq = 9};
    struct traffic_keys before;

    memcpy(&before, &k, sizeof k);
    EXPECT(schedule_keys(&k) == 0 && !memcmp(&before, &k, sizeof k));
    EXPECT(schedule_update(&k) == -EINVAL && !memcmp(&before, &k, sizeof k));
}

int main(void)
{
    check(record_init() == 0);
    return test_run();
}
