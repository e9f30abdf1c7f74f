#include "dataplane/wire/suite.h"
#include <linux/tls.h>
#include "tests/unit/test.h"

static size_t count(void)
{
    size_t n = 0;

    while (suite_at(n))
        n++;
    return n;
}

TEST("there are three suites of TLS 1.3, in order of preference, then six of TLS 1.2")
{
    static const uint16_t ids[] = {0x1302, 0x1301, 0x1303, 0xc02c, 0xc030,
                                   0xc02b, 0xc02f, 0xcca9, 0xcca8};

    EXPECT(count() == 9 && !suite_at(SIZE_MAX));
    for (size_t i = 0; i < count(); i++) {
        EXPECT(suite_at(i)->id == ids[i]);
        EXPECT(suite_at(i)->version == (i < 3 ? TLS13 : TLS12));
    }
}

TEST("a row is found by its id, its IANA name and its OpenSSL name")
{
    for (size_t i = 0; i < count(); i++) {
        const struct suite *s = suite_at(i);
        EXPECT(suite_by_id(s->id) == s);
        EXPECT(suite_by_name(s->name) == s && suite_by_name(s->openssl_name) == s);
    }
    EXPECT(suite_by_name("ECDHE-RSA-CHACHA20-POLY1305")->id == 0xcca8);
}

TEST("what is not in the table is not found: CBC, RSA key exchange, CCM, GREASE, other spellings")
{
    EXPECT(!suite_by_id(0xc027) && !suite_by_id(0x009c) && !suite_by_id(0x1304));
    EXPECT(!suite_by_id(0x0a0a) && !suite_by_id(0));
    EXPECT(!suite_by_name("") && !suite_by_name("tls_aes_256_gcm_sha384"));
    EXPECT(!suite_by_name("AES256-GCM-SHA384"));
}

/* RFC 8446 5.3; RFC 5288 3 (four bytes of salt, eight on the wire); RFC 7905 2 */
TEST("nonces are 12 bytes; TLS 1.2 with GCM sends eight of them")
{
    for (size_t i = 0; i < count(); i++) {
        const struct suite *s = suite_at(i);
        bool salted = s->version == TLS12 && s->aead != AEAD_CHACHA20_POLY1305;

        EXPECT(s->iv_len + s->explicit_len == 12);
        EXPECT(s->explicit_len == (salted ? 8 : 0));
    }
}

TEST("sizes follow the cipher and the hash and fit in traffic keys")
{
    for (size_t i = 0; i < count(); i++) {
        const struct suite *s = suite_at(i);
        EXPECT(s->key_len == (s->aead == AEAD_AES_128_GCM ? 16 : 32));
        EXPECT(s->hash_len == (s->aead == AEAD_AES_256_GCM ? 48 : 32));
        EXPECT(!strcmp(s->hash, s->hash_len == 48 ? "SHA384" : "SHA256"));
        EXPECT(s->key_len <= SUITE_KEY_MAX && s->iv_len <= SUITE_IV_MAX);
        EXPECT(s->hash_len <= SUITE_SECRET_MAX);
    }
}

TEST("names say what the row is")
{
    static const char *const cipher[] = {"AES_128_GCM", "AES_256_GCM", "CHACHA20_POLY1305"};

    for (size_t i = 0; i < count(); i++) {
        const struct suite *s = suite_at(i);
        EXPECT(strstr(s->name, cipher[s->aead]));
        EXPECT(strstr(s->name, s->hash));
        EXPECT(!strncmp(s->name, "TLS_ECDHE_", 10) == (s->version == TLS12));
    }
}

TEST("kTLS numbers are those of the kernel")
{
    static const uint16_t numbers[] = {[AEAD_AES_128_GCM] = TLS_CIPHER_AES_GCM_128,
                                       [AEAD_AES_256_GCM] = TLS_CIPHER_AES_GCM_256,
                                       [AEAD_CHACHA20_POLY1305] = TLS_CIPHER_CHACHA20_POLY1305};

    for (size_t i = 0; i < count(); i++)
        EXPECT(suite_at(i)->ktls_cipher == numbers[suite_at(i)->aead]);
}

int main(void)
{
    return test_run();
}
