/* addr: is there exactly one spelling in, one spelling out, and no surprise in between? */
#include "dataplane/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>

#include "tests/unit/test.h"

static bool parses(const char *text)
{
    struct addr a;

    return addr_parse(&a, text) == 0;
}

static struct addr parsed(const char *text)
{
    struct addr a = {0};

    EXPECT(addr_parse(&a, text) == 0);
    return a;
}

static bool round_trips(const char *text)
{
    struct addr a = parsed(text);
    char out[ADDR_TEXT_MAX];

    return !strcmp(addr_text(&a, out), text);
}

TEST("an address prints as it was read")
{
    EXPECT(round_trips("127.0.0.1:8443"));
    EXPECT(round_trips("0.0.0.0:0"));
    EXPECT(round_trips("255.255.255.255:65535"));
    EXPECT(round_trips("[2001:db8::1]:443"));
    EXPECT(round_trips("[::]:1"));
    EXPECT(round_trips("unix:/run/app.sock"));
}

TEST("what the kernel gets is what was written")
{
    struct addr a = parsed("10.1.2.3:258");

    EXPECT(a.len == sizeof(struct sockaddr_in) && a.in4.sin_family == AF_INET);
    EXPECT(a.in4.sin_port == htons(258) && a.in4.sin_addr.s_addr == htonl(0x0a010203));
    a = parsed("[2001:db8::5]:65535");
    EXPECT(a.len == sizeof(struct sockaddr_in6) && a.in6.sin6_family == AF_INET6);
    EXPECT(a.in6.sin6_port == 65535 && a.in6.sin6_addr.s6_addr[15] == 5);
    a = parsed("unix:/x");
    EXPECT(a.un.sun_family == AF_UNIX && a.len == offsetof(struct sockaddr_un, sun_path) + 3);
}

TEST("malformed addresses are refused")
{
    static const char *const bad[] = {
        "",        ":",           "1.2.3.4",        "1.2.3.4:",      "1.2.3.4:65536",
        ":80",     "1.2.3.4:-1",  "1.2.3.4: 80",    "1.2.3.4:080",   "1.2.3.4:80 ",
        "1.2.3:1", "1.2.3.4.5:1", "1.2.3.256:1",    "1.2.3.4:99999", "1.2.3.4:123456",
        "::1:80",  "[::1]",       "[::1]80",        "[::1:80",       "::1]:80",
        "[]:80",   "[1.2.3.4]:8", "[fe80::1%lo]:1", "name:80",       "[::1]:8[0]",
        "[:80",    "]:80",        "01.2.3.4:80",    "unix:",         "unix:relative",
        "UNIX:/x",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parses(bad[i]))
            test_fail(__FILE__, __LINE__, bad[i]);
    }
}

TEST("a refusal leaves the output as it was")
{
    struct addr a = parsed("1.2.3.4:5"), before = a;
    char host[8] = "old";
    struct cidr c = {.bits = 77};
    uint16_t port = 9;

    EXPECT(addr_parse(&a, "1.2.3.4:x") == -EINVAL && addr_equal(&a, &before));
    EXPECT(addr_split("bad host:80", host, sizeof(host), &port) == -EINVAL);
    EXPECT(!strcmp(host, "old") && port == 9);
    EXPECT(cidr_parse(&c, "10.0.0.1/8") == -EINVAL && c.bits == 77);
}

TEST("a unix path may have 107 bytes and not one more")
{
    char text[120] = "unix:/", out[ADDR_TEXT_MAX];
    struct addr a;

    memset(text + 6, 'p', 106);
    text[5 + 107] = '\0';
    EXPECT(addr_parse(&a, text) == 0);
    EXPECT(!strcmp(addr_text(&a, out), text));
    text[5 + 107] = 'p';
    text[5 + 108] = '\0';
    EXPECT(addr_parse(&a, text) == -EINVAL);
}

TEST("an unspecified address prints as a dash, an unnamed socket as its family")
{
    struct addr none = {0}, unnamed = {.len = sizeof(sa_family_t), .un.sun_family = AF_UNIX};
    char out[ADDR_TEXT_MAX];

    EXPECT(!strcmp(addr_text(&none, out), "-"));
    EXPECT(!strcmp(addr_text(&unnamed, out), "unix:"));
}

TEST("a unix path that the kernel left without a terminator is read within its bounds")
{
    struct addr a = {.len = sizeof(struct sockaddr_un) + 1, .un.sun_family = AF_UNIX}, b;
    char out[ADDR_TEXT_MAX];

    memset(a.un.sun_path, 'z', sizeof(a.un.sun_path));
    b = a;
    EXPECT(strlen(addr_text(&a, out)) == strlen("unix:") + 108);
    EXPECT(addr_equal(&a, &b));
    b.un.sun_path[107] = 'y';
    EXPECT(!addr_equal(&a, &b));
}

TEST("addresses are equal when family, address and port are")
{
    struct addr a = parsed("1.2.3.4:5"), b = parsed("1.2.3.4:6"), c = parsed("1.2.3.5:5");
    struct addr d = parsed("[::1]:5"), e = parsed("[::2]:5"), f = parsed("[::1]:6");
    struct addr u = parsed("unix:/a"), v = parsed("unix:/ab"), none = {0};

    EXPECT(addr_equal(&a, &a) && addr_equal(&d, &d) && addr_equal(&u, &u));
    EXPECT(addr_equal(&none, &none) && !addr_equal(&none, &a) && !addr_equal(&a, &none));
    EXPECT(!addr_equal(&a, &b) && !addr_equal(&a, &c) && !addr_equal(&a, &d));
    EXPECT(!addr_equal(&d, &e) && !addr_equal(&d, &f) && !addr_equal(&u, &v));
}

TEST("an IPv4-mapped address becomes IPv4, others stay")
{
    struct addr a = parsed("[::ffff:10.0.0.7]:80"), v4 = parsed("10.0.0.7:80");
    struct addr b = parsed("[::fffe:10.0.0.7]:80"), b_before = b, none = {0};

    EXPECT(!addr_equal(&a, &v4));
    addr_unmap(&a);
    EXPECT(addr_equal(&a, &v4) && a.len == sizeof(struct sockaddr_in));
    addr_unmap(&b);
    EXPECT(addr_equal(&b, &b_before));
    addr_unmap(&none);
    EXPECT(none.len == 0);
}

TEST("ports and kinds are told apart")
{
    struct addr a = parsed("1.2.3.4:5"), b = parsed("[::1]:6"), u = parsed("unix:/a"), none = {0};

    EXPECT(addr_port(&a) == 5 && addr_port(&b) == 6 && addr_port(&u) == 0 && addr_port(&none) == 0);
    EXPECT(addr_is_ip(&a) && addr_is_ip(&b) && !addr_is_ip(&u) && !addr_is_ip(&none));
}

static bool same_net(const char *x, const char *y)
{
    struct addr a = parsed(x), b = parsed(y);
    uint8_t net_a[16], net_b[16];

    addr_source_net(&a, net_a);
    addr_source_net(&b, net_b);
    return !memcmp(net_a, net_b, 16);
}

TEST("the loopback network is known in each of its forms, and nothing else is taken for it")
{
    static const char *const local[] = {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1",
                                        "[::ffff:127.0.0.1]:1"};
    static const char *const other[] = {"0.0.0.0:1",        "126.0.0.1:1", "128.0.0.1:1",
                                        "[::]:1",           "[::2]:1",     "10.0.0.1:1",
                                        "unix:/run/socket", "[fe80::1]:1"};
    struct addr a;

    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        EXPECT(addr_parse(&a, local[i]) == 0 && addr_is_loopback(&a));
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        EXPECT(addr_parse(&a, other[i]) == 0 && !addr_is_loopback(&a));
    EXPECT(!addr_is_loopback(&(struct addr){0}));
}

TEST("a listener's address that stands for all of them is known in both families")
{
    static const char *const any[] = {"0.0.0.0:443", "[::]:0", "[::ffff:0.0.0.0]:1"};
    static const char *const one[] = {"127.0.0.1:443", "[::1]:443", "0.0.0.1:1", "unix:/run/x"};
    struct addr a;

    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++)
        EXPECT(addr_parse(&a, any[i]) == 0 && addr_is_any(&a));
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++)
        EXPECT(addr_parse(&a, one[i]) == 0 && !addr_is_any(&a));
    EXPECT(!addr_is_any(&(struct addr){0}));
}

TEST("limits see a /24 of IPv4 and a /64 of IPv6 as one source")
{
    EXPECT(same_net("10.1.2.3:1", "10.1.2.250:2"));
    EXPECT(!same_net("10.1.2.3:1", "10.1.3.3:1"));
    EXPECT(same_net("10.1.2.3:1", "[::ffff:10.1.2.9]:1"));
    EXPECT(same_net("[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::]:1"));
    EXPECT(!same_net("[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"));
    EXPECT(same_net("unix:/a", "unix:/b"));
    EXPECT(!same_net("0.0.0.1:1", "unix:/b"));
}

static bool splits(const char *text, const char *host, uint16_t port)
{
    char out[256] = "";
    uint16_t got = 0;

    return addr_split(text, out, sizeof(out), &got) == 0 && !strcmp(out, host) && got == port;
}

TEST("a host name and its port come apart")
{
    EXPECT(splits("backend.example:443", "backend.example", 443));
    EXPECT(splits("a:1", "a", 1));
    EXPECT(splits("_srv.x-1.Example.COM:65535", "_srv.x-1.Example.COM", 65535));
    EXPECT(splits("4.example:80", "4.example", 80));
}

TEST("what is no host name with a port is refused, mistyped IPv4 addresses included")
{
    static const char *const bad[] = {
        "",       "host",      "host:",          "host:0",    "host:65536",
        ":80",    "a..b:80",   ".a:80",          "a.:80",     "-a:80",
        "a-:80",  "a-.b:80",   "a b:80",         "a/b:80",    "[::1]:80",
        "::1:80", "1.2.3.4:5", "10.0.0.256:443", "host:http", "h\xc3\xb6st:80",
    };
    char label[80], host[256];
    uint16_t port;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (addr_split(bad[i], host, sizeof(host), &port) != -EINVAL)
            test_fail(__FILE__, __LINE__, bad[i]);
    }
    memset(label, 'x', sizeof(label));
    memcpy(label + 63, ":80", 4);
    EXPECT(addr_split(label, host, sizeof(host), &port) == 0);
    memcpy(label + 63, "x:80", 5);
    EXPECT(addr_split(label, host, sizeof(host), &port) == -EINVAL);
}

TEST("a host name longer than its place, or than DNS allows, is refused")
{
    char text[300], host[300];
    uint16_t port;

    EXPECT(addr_split("abcd:1", host, 5, &port) == 0);
    EXPECT(addr_split("abcd:1", host, 4, &port) == -EINVAL);
    for (size_t i = 0; i < 254; i++)
        text[i] = i % 2 ? '.' : 'a';
    memcpy(text + 253, ":1", 3);
    EXPECT(addr_split(text, host, sizeof(host), &port) == 0);
    memcpy(text + 253, "a:1", 4);
    text[252] = 'a';
    EXPECT(addr_split(text, host, sizeof(host), &port) == -EINVAL);
}

static bool in_net(const char *net, const char *address)
{
    struct addr a = parsed(address);
    struct cidr c;

    EXPECT(cidr_parse(&c, net) == 0);
    return cidr_match(&c, &a);
}

TEST("a network holds its first and last address and not their neighbours")
{
    EXPECT(in_net("10.0.0.0/8", "10.0.0.0:1") && in_net("10.0.0.0/8", "10.255.255.255:1"));
    EXPECT(!in_net("10.0.0.0/8", "9.255.255.255:1") && !in_net("10.0.0.0/8", "11.0.0.0:1"));
    EXPECT(in_net("192.168.4.0/22", "192.168.7.255:1"));
    EXPECT(!in_net("192.168.4.0/22", "192.168.8.0:1") &&
           !in_net("192.168.4.0/22", "192.168.3.255:1"));
    EXPECT(in_net("1.2.3.4", "1.2.3.4:1") && !in_net("1.2.3.4", "1.2.3.5:1"));
    EXPECT(in_net("2001:db8::/33", "[2001:db8:7fff::1]:1"));
    EXPECT(!in_net("2001:db8::/33", "[2001:db8:8000::]:1"));
    EXPECT(in_net("::1", "[::1]:1") && !in_net("::1", "[::2]:1"));
    EXPECT(in_net("0.0.0.0/0", "8.8.8.8:1") && in_net("::/0", "[2001:db8::1]:1"));
}

TEST("families do not mix, but for IPv4-mapped addresses, which are IPv4")
{
    EXPECT(!in_net("::/0", "1.2.3.4:1") && !in_net("0.0.0.0/0", "[2001:db8::1]:1"));
    EXPECT(in_net("10.0.0.0/8", "[::ffff:10.1.1.1]:1") && !in_net("::/0", "[::ffff:10.1.1.1]:1"));
    EXPECT(in_net("::ffff:10.0.0.0/104", "10.1.1.1:1"));
    EXPECT(!in_net("0.0.0.0/0", "unix:/a"));
}

TEST("bare bytes match by their own family")
{
    static const uint8_t v4[] = {10, 1, 2, 3}, mapped[16] = {[10] = 0xff, 0xff, 10, 1, 2, 3};
    struct cidr c;

    EXPECT(cidr_parse(&c, "10.0.0.0/8") == 0);
    EXPECT(cidr_match_ip(&c, v4, 4) && !cidr_match_ip(&c, mapped, 16));
    EXPECT(!cidr_match_ip(&c, v4, 3) && !cidr_match_ip(&c, v4, 0));
}

TEST("malformed networks are refused, and so are networks with host bits")
{
    static const char *const bad[] = {
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8x",
        "10.0.0.0/08",
        "10.0.0.1/8",
        "10.0.0.0/7/8",
        "::/129",
        "2001:db8::1/64",
        "10.0.0/8",
        "[::1]",
        "1.2.3.4:80",
        "128.0.0.0/0",
        "10.0.0.128/24",
    };
    struct cidr c;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (cidr_parse(&c, bad[i]) != -EINVAL)
            test_fail(__FILE__, __LINE__, bad[i]);
    }
}

int main(void)
{
    return test_run();
}
