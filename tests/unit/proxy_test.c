#include "dataplane/core/proxy.h"
#include <errno.h>
#include <stdlib.h>
#include "dataplane/wire/policy.h"
#include "tests/unit/test.h"

static struct proxy_facts facts(const char *src, const char *dst)
{
    struct proxy_facts f = {0};

    EXPECT(addr_parse(&f.src, src) == 0);
    EXPECT(addr_parse(&f.dst, dst) == 0);
    return f;
}

/* Read a header the way the data plane does: only as many bytes as were asked for. */
static long read_exact(const uint8_t *p, size_t n, size_t *used, struct addr *src, struct addr *dst)
{
    long want;

    *used = 0;
    while ((want = proxy_read(p, *used, src, dst)) > 0) {
        if (*used + (size_t)want > n)
            return -EAGAIN;
        *used += (size_t)want;
    }
    return want;
}

TEST("version 1 reads as the specification prints it")
{
    struct proxy_facts f = facts("192.0.2.1:51000", "198.51.100.2:443");
    uint8_t out[PROXY_MAX];
    static const char want[] = "PROXY TCP4 192.0.2.1 198.51.100.2 51000 443\r\n";
    long n = proxy_write(PROXY_V1, &f, out, sizeof out);

    EXPECT(n == (long)strlen(want) && !memcmp(out, want, strlen(want)));
}

TEST("version 1 of different families says UNKNOWN")
{
    struct proxy_facts f = facts("192.0.2.1:51000", "[2001:db8::1]:443");
    uint8_t out[PROXY_MAX];

    EXPECT(proxy_write(PROXY_V1, &f, out, sizeof out) == 15);
    EXPECT(!memcmp(out, "PROXY UNKNOWN\r\n", 15));
}

TEST("version 2 over IPv4 is the golden 28 bytes")
{
    struct proxy_facts f = facts("192.0.2.1:51000", "198.51.100.2:443");
    static const uint8_t want[28] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
                                     0x54, 0x0a, 0x21, 0x11, 0x00, 0x0c, 192,  0,    2,    1,
                                     198,  51,   100,  2,    0xc7, 0x38, 0x01, 0xbb};
    uint8_t out[PROXY_MAX];

    EXPECT(proxy_write(PROXY_V2, &f, out, sizeof out) == 28);
    EXPECT(!memcmp(out, want, 28));
}

TEST("what is written is read back, byte by byte, in every version and family")
{
    static const char *pairs[][2] = {{"192.0.2.1:51000", "198.51.100.2:443"},
                                     {"[2001:db8::7]:1", "[2001:db8::8]:65535"}};
    static const uint8_t kinds[] = {PROXY_V1, PROXY_V2};

    for (int p = 0; p < 2; p++)
        for (int k = 0; k < 2; k++) {
            struct proxy_facts f = facts(pairs[p][0], pairs[p][1]);
            uint8_t out[PROXY_MAX + 4];
            struct addr src, dst;
            size_t used;
            long n = proxy_write(kinds[k], &f, out, PROXY_MAX);
            memcpy(out + n, "\x16\x03\x01\x02", 4); /* a ClientHello follows at once */
            EXPECT(read_exact(out, (size_t)n + 4, &used, &src, &dst) == 0);
            EXPECT(used == (size_t)n);
            EXPECT(addr_equal(&src, &f.src) && addr_equal(&dst, &f.dst));
        }
}

TEST("v2-tls carries version, name, cipher and the certificate")
{
    struct proxy_facts f = facts("192.0.2.1:51000", "198.51.100.2:443");
    struct negotiated neg = {.version = TLS13, .suite = 0x1302};
    struct peer *p = calloc(1, sizeof *p + 8);
    static const uint8_t leaf[8] = {0, 0, 0, 4, 0xde, 0xad, 0xbe, 0xef};
    uint8_t out[PROXY_MAX];
    long n;

    strcpy(neg.alpn, "h2");
    strcpy(neg.server_name, "gw.test");
    strcpy(p->facts.common_name, "partner");
    p->n_chain = sizeof leaf;
    memcpy(p->chain, leaf, sizeof leaf);
    f.tls = true;
    f.negotiated = &neg;
    f.peer = p;
    n = proxy_write(PROXY_V2_TLS, &f, out, sizeof out);
    EXPECT(n > 28 && (size_t)n == 16u + ((size_t)out[14] << 8 | out[15]));
    EXPECT(memmem(out, (size_t)n, "\x01\x00\x02h2", 5));
    EXPECT(memmem(out, (size_t)n, "\x02\x00\x07gw.test", 10));
    EXPECT(memmem(out, (size_t)n, "\x21\x00\x07TLSv1.3", 10));
    EXPECT(memmem(out, (size_t)n, "\x22\x00\x07partner", 10));
    EXPECT(memmem(out, (size_t)n, "\x28\x00\x04\xde\xad\xbe\xef", 7));
    free(p);
}

TEST("v2-tls of a plain client has no TLS values")
{
    struct proxy_facts f = facts("192.0.2.1:51000", "198.51.100.2:443");
    uint8_t out[PROXY_MAX];

    EXPECT(proxy_write(PROXY_V2_TLS, &f, out, sizeof out) == 28);
}

TEST("a LOCAL header leaves the connection's own addresses")
{
    static const uint8_t local[16] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    struct addr src, dst;
    size_t used;

    EXPECT(read_exact(local, sizeof local, &used, &src, &dst) == 0);
    EXPECT(used == 16 && src.len == 0);
}

TEST("what is no header is refused")
{
    static const char *bad[] = {
        "GET / HTTP/1.1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n",
        "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 +2\r\n",
        "PROXY TCP4 "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaa",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00",
    };
    struct addr src, dst;
    size_t used;

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(read_exact((const uint8_t *)bad[i], i == 10 ? 12 : strlen(bad[i]), &used, &src,
                          &dst) == -EPROTO);
}

TEST("a version 2 header of a wrong version, command, family or size is refused")
{
    uint8_t h[28] = "\r\n\r\n\0\r\nQUIT\n";
    struct addr src, dst;
    size_t used;
    static const uint8_t cases[][4] = {
        {0x11, 0x11, 0, 12},   /* version 1 */
        {0x22, 0x11, 0, 12},   /* unknown command */
        {0x21, 0x12, 0, 12},   /* datagram */
        {0x21, 0x31, 0, 12},   /* unix */
        {0x21, 0x11, 0, 11},   /* too short for its addresses */
        {0x21, 0x11, 0xff, 0}, /* longer than is accepted */
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memcpy(h + 12, cases[i], 4);
        EXPECT(read_exact(h, sizeof h, &used, &src, &dst) == -EPROTO);
    }
}

int main(void)
{
    return test_run();
}
