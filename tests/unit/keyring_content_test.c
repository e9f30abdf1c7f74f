/* content: is anything signable that TLS would not sign, or that this identity is not used for? */
#include "tests/unit/test.h"

#include <errno.h>

#include "dataplane/base/check.h"
#include "dataplane/wire/policy.h"
#include "handshake/keyring/content.h"
#include "tests/unit/keyring_content.h"

#define ALL (POLICY_USE_SERVER | POLICY_USE_CLIENT | POLICY_USE_TLS12 | POLICY_USE_TLS13)

static const uint8_t full[] = {1, 2, 11, 12, 13, 14, 11, 16};
static const uint8_t stapled[] = {1, 2, 11, 22, 12, 13, 14, 11, 16};

static bool taken(const uint8_t *content, size_t n, uint8_t uses)
{
    enum content_kind kind;
    int rc = content_check(content, n, uses, &kind);

    EXPECT(rc == 0 || rc == -EPERM);
    return rc == 0;
}

TEST("a TLS 1.3 server's CertificateVerify with either hash is signed for a server")
{
    uint8_t c[CONTENT_ROOM];
    enum content_kind kind = CONTENT_TLS12;

    EXPECT(content_check(c, make_tls13(c, true, 32), POLICY_USE_SERVER | POLICY_USE_TLS13, &kind) ==
           0);
    EXPECT(kind == CONTENT_TLS13);
    EXPECT(taken(c, make_tls13(c, true, 48), POLICY_USE_SERVER | POLICY_USE_TLS13));
}

TEST("a TLS 1.3 client's CertificateVerify is signed for a client")
{
    uint8_t c[CONTENT_ROOM];

    EXPECT(taken(c, make_tls13(c, false, 32), POLICY_USE_CLIENT | POLICY_USE_TLS13));
    EXPECT(taken(c, make_tls13(c, false, 48), POLICY_USE_CLIENT | POLICY_USE_TLS13));
}

TEST("an identity signs in no role and no version that its links do not use")
{
    uint8_t server[CONTENT_ROOM], client[CONTENT_ROOM], exchange[CONTENT_ROOM], log[CONTENT_ROOM];
    size_t n_server = make_tls13(server, true, 32), n_client = make_tls13(client, false, 32);
    size_t n_exchange = make_key_exchange(exchange, 0x1d, 32);
    size_t n_log = make_transcript(log, full, sizeof(full));

    for (uint8_t uses = 0; uses <= ALL; uses++) {
        bool as_server = uses & POLICY_USE_SERVER, as_client = uses & POLICY_USE_CLIENT;
        bool in_12 = uses & POLICY_USE_TLS12, in_13 = uses & POLICY_USE_TLS13;

        EXPECT(taken(server, n_server, uses) == (as_server && in_13));
        EXPECT(taken(client, n_client, uses) == (as_client && in_13));
        EXPECT(taken(exchange, n_exchange, uses) == (as_server && in_12));
        EXPECT(taken(log, n_log, uses) == (as_client && in_12));
    }
}

TEST("TLS 1.3 content of another length is refused, whatever follows the context")
{
    uint8_t c[CONTENT_ROOM];

    for (size_t n_hash = 0; n_hash <= 256; n_hash++) {
        if (n_hash != 32 && n_hash != 48)
            EXPECT(!taken(c, make_tls13(c, true, n_hash), ALL));
    }
}

TEST("one changed byte before the hash makes TLS 1.3 content unsignable")
{
    uint8_t c[CONTENT_ROOM];
    size_t n = make_tls13(c, true, 32);

    for (size_t i = 0; i < 98; i++) {
        c[i] ^= 1;
        EXPECT(!taken(c, n, ALL));
        c[i] ^= 1;
    }
    EXPECT(taken(c, n, ALL));
}

TEST("a bare digest, nothing, and a to-be-signed certificate are refused")
{
    uint8_t digest[64], certificate[600] = {0x30, 0x82, 0x02, 0x54, 0xa0, 0x03, 2, 1, 2};

    memset(digest, 0xee, sizeof(digest));
    EXPECT(!taken(digest, 32, ALL));
    EXPECT(!taken(digest, 48, ALL));
    EXPECT(!taken(digest, 64, ALL));
    EXPECT(!taken(digest, 0, ALL));
    EXPECT(!taken(certificate, sizeof(certificate), ALL));
}

TEST("a ServerKeyExchange is signed for each group with its own point length only")
{
    static const struct {
        uint16_t group;
        uint8_t n_point;
    } rows[] = {{0x17, 65}, {0x18, 97}, {0x19, 133}, {0x1d, 32}, {0x1e, 56}};
    uint8_t c[CONTENT_ROOM];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned n = 0; n <= 255; n++) {
            bool fits = n == rows[i].n_point;

            EXPECT(taken(c, make_key_exchange(c, rows[i].group, (uint8_t)n), ALL) == fits);
        }
    }
}

TEST("a ServerKeyExchange with another curve type, an unknown group or a compressed point is "
     "refused")
{
    uint8_t c[CONTENT_ROOM];
    size_t n = make_key_exchange(c, 0x17, 65);

    c[64] = 1; /* explicit_prime */
    EXPECT(!taken(c, n, ALL));
    c[64] = 3;
    c[66] = 0x16; /* secp256k1 */
    EXPECT(!taken(c, n, ALL));
    c[66] = 0x17;
    c[68] = 2;
    EXPECT(!taken(c, n, ALL));
    c[68] = 4;
    EXPECT(taken(c, n, ALL));
}

TEST("a ServerKeyExchange with a byte too many or too few is refused")
{
    uint8_t c[CONTENT_ROOM] = {0};
    size_t n = make_key_exchange(c, 0x17, 65);

    EXPECT(!taken(c, n + 1, ALL));
    for (size_t shorter = 0; shorter < n; shorter++)
        EXPECT(!taken(c, shorter, ALL));
}

TEST("a TLS 1.2 client's transcript is signed, with a stapled status or without")
{
    uint8_t c[CONTENT_ROOM];

    EXPECT(taken(c, make_transcript(c, full, sizeof(full)), ALL));
    EXPECT(taken(c, make_transcript(c, stapled, sizeof(stapled)), ALL));
}

TEST("a transcript that lacks, repeats or swaps a message is refused")
{
    uint8_t c[CONTENT_ROOM], types[16];

    for (size_t i = 0; i < sizeof(full); i++) {
        memcpy(types, full, i);
        memcpy(types + i, full + i + 1, sizeof(full) - i - 1);
        EXPECT(!taken(c, make_transcript(c, types, sizeof(full) - 1), ALL));
        memcpy(types, full, i + 1);
        memcpy(types + i + 1, full + i, sizeof(full) - i);
        EXPECT(!taken(c, make_transcript(c, types, sizeof(full) + 1), ALL));
    }
    for (size_t i = 0; i + 1 < sizeof(full); i++) {
        memcpy(types, full, sizeof(full));
        types[i] = full[i + 1];
        types[i + 1] = full[i];
        EXPECT(!taken(c, make_transcript(c, types, sizeof(full)), ALL));
    }
}

TEST("a transcript that is cut, or has bytes after its last message, is refused")
{
    uint8_t c[CONTENT_ROOM] = {0};
    size_t n = make_transcript(c, full, sizeof(full));

    for (size_t shorter = 0; shorter < n; shorter++)
        EXPECT(!taken(c, shorter, ALL));
    for (size_t more = 1; more < 8; more++)
        EXPECT(!taken(c, n + more, ALL));
}

int main(void)
{
    return test_run();
}
