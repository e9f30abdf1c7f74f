/* Names as strings: their forms, and patterns against them. */
#include "handshake/names.h"
#include "tests/unit/test.h"

static bool uri(const char *pattern, const char *name)
{
    return rule_uri_matches(pattern, name, strlen(name));
}

static bool dns(const char *pattern, const char *name)
{
    return rule_dns_matches(pattern, name, strlen(name));
}

static bool email(const char *pattern, const char *name)
{
    return rule_email_matches(pattern, name, strlen(name));
}

static enum name_form form(const char *name)
{
    return name_dns_form(name, strlen(name));
}

TEST("a DNS name is labels of letters, digits and inner hyphens")
{
    EXPECT(form("gw.test") == NAME_PLAIN);
    EXPECT(form("localhost") == NAME_PLAIN);
    EXPECT(form("xn--bcher-kva.example") == NAME_PLAIN);
    EXPECT(form("1gw.2.test") == NAME_PLAIN);
    EXPECT(form("*.test") == NAME_WILDCARD);
    EXPECT(form("") == NAME_BAD);
    EXPECT(form("gw_1.test") == NAME_BAD);
    EXPECT(form("gw.test.") == NAME_BAD);
    EXPECT(name_dns_form("gw.test\0.evil", 13) == NAME_BAD);
    EXPECT(form("*.*.test") == NAME_BAD);
    EXPECT(form("w*.test") == NAME_BAD);
}

TEST("what some reader takes for an IP address is no DNS name")
{
    EXPECT(form("127.0.0.1") == NAME_BAD);
    EXPECT(form("2130706433") == NAME_BAD);
    EXPECT(form("127.1") == NAME_BAD);
    EXPECT(form("::1") == NAME_BAD);
    EXPECT(form("*.0.0.1") == NAME_BAD);
}

TEST("labels of 63 and names of 253 bytes are the longest")
{
    char name[256];

    memset(name, 'a', sizeof name);
    for (int i = 63; i < 253; i += 64)
        name[i] = '.';
    EXPECT(name_dns_form(name, 253) == NAME_PLAIN);
    EXPECT(name_dns_form(name, 254) == NAME_BAD);
    EXPECT(name_dns_form(name, 63) == NAME_PLAIN);
    name[63] = 'a';
    EXPECT(name_dns_form(name, 64) == NAME_BAD);
}

TEST("a host name matches itself in any case, and a wildcard by its leftmost label")
{
    EXPECT(name_dns_matches("GW.test", 7, "gw.TEST"));
    EXPECT(!name_dns_matches("gw.test", 7, "gw.test.example"));
    EXPECT(!name_dns_matches("gw.test.example", 15, "gw.test"));
    EXPECT(name_dns_matches("*.a.test", 8, "gw.a.test"));
    EXPECT(!name_dns_matches("*.a.test", 8, "x.gw.a.test"));
    EXPECT(!name_dns_matches("*.a.test", 8, "a.test"));
    EXPECT(!name_dns_matches("*.a.test", 8, ".a.test"));
    EXPECT(!name_dns_matches("*.test", 6, "a.test"));
    EXPECT(!name_dns_matches("*.a.test", 8, "*.a.test"));
    EXPECT(!name_dns_matches("*.a.test", 8, ""));
    EXPECT(!name_dns_matches("10.0.0.1", 8, "10.0.0.1"));
}

TEST("a pattern for DNS names: a star is one whole label")
{
    EXPECT(dns("client.test", "client.test"));
    EXPECT(dns("Client.Test", "clienT.tesT"));
    EXPECT(dns("*.test", "client.test"));
    EXPECT(dns("a.*.test", "a.b.test"));
    EXPECT(!dns("*.test", "a.b.test"));
    EXPECT(!dns("*.test", "test"));
    EXPECT(!dns("*", "a.test"));
    EXPECT(!dns("c*.test", "client.test"));
    EXPECT(!dns("**.test", "a.b.test"));
    EXPECT(!dns("*.test.", "a.test"));
    EXPECT(!dns("", "a.test"));
    EXPECT(!dns("*.test", "*.test")); /* a wildcard in a certificate is nobody's name */
}

TEST("an email address matches exactly, but for the case of its domain")
{
    EXPECT(email("ops@partner.example", "ops@Partner.Example"));
    EXPECT(!email("ops@partner.example", "Ops@partner.example"));
    EXPECT(!email("ops@partner.example", "ops@partner.example.evil"));
    EXPECT(!email("partner.example", "ops@partner.example"));
    EXPECT(!email("*@partner.example", "ops@partner.example"));
    EXPECT(!email("", "ops@partner.example"));
}

TEST("a URI without wildcards matches exactly, but for the case of scheme and host")
{
    EXPECT(uri("spiffe://partner.example/client", "spiffe://partner.example/client"));
    EXPECT(uri("HTTPS://Partner.example/A", "https://partner.EXAMPLE/A"));
    EXPECT(!uri("https://partner.example/a", "https://partner.example/A"));
    EXPECT(!uri("https://partner.example/a", "https://partner.example/a/"));
    EXPECT(!uri("https://partner.example", "https://partner.example/"));
    EXPECT(!uri("https://partner.example/a", "https://partner.example/%61"));
    EXPECT(!uri("https://partner.example/a", "https://partner.example/b/../a"));
    EXPECT(uri("https://partner.example/%61?q#f", "https://partner.example/%61?q#f"));
    EXPECT(!uri("https://ops@partner.example/", "https://OPS@partner.example/"));
    EXPECT(uri("https://ops@partner.example/", "https://ops@PARTNER.example/"));
    EXPECT(uri("urn:example:a", "URN:example:a"));
    EXPECT(!uri("urn:example:a", "urn:Example:a"));
}

TEST("a star is one path segment, two stars the rest of the path")
{
    EXPECT(uri("spiffe://p.example/*/client", "spiffe://p.example/eu/client"));
    EXPECT(!uri("spiffe://p.example/*/client", "spiffe://p.example/eu/x/client"));
    EXPECT(!uri("spiffe://p.example/*", "spiffe://p.example"));
    EXPECT(!uri("spiffe://p.example/*", "spiffe://p.example/"));
    EXPECT(!uri("spiffe://p.example/a/*", "spiffe://p.example/a"));
    EXPECT(uri("spiffe://p.example/**", "spiffe://p.example/a"));
    EXPECT(uri("spiffe://p.example/**", "spiffe://p.example/a/b/c"));
    EXPECT(uri("spiffe://p.example/a/**", "spiffe://p.example/a/b"));
    EXPECT(!uri("spiffe://p.example/a/**", "spiffe://p.example/a"));
    EXPECT(!uri("spiffe://p.example/a/**", "spiffe://p.example/ab/c"));
    EXPECT(!uri("spiffe://p.example/**", "spiffe://p.example"));
    EXPECT(!uri("spiffe://p.example/**", "spiffe://q.example/a"));
    EXPECT(!uri("spiffe://p.example/**", "spiffe://p.example.evil/a"));
    EXPECT(!uri("spiffe://p.example/**", "https://p.example/a"));
}

TEST("a star anywhere else matches nothing")
{
    EXPECT(!uri("spiffe://*/a", "spiffe://p.example/a"));
    EXPECT(!uri("spiffe://*.example/a", "spiffe://p.example/a"));
    EXPECT(!uri("*://p.example/a", "https://p.example/a"));
    EXPECT(!uri("spiffe://p.example/a*", "spiffe://p.example/ab"));
    EXPECT(!uri("spiffe://p.example/**/b", "spiffe://p.example/a/b"));
    EXPECT(!uri("spiffe://p.example/***", "spiffe://p.example/abc"));
    EXPECT(!uri("urn:*", "urn:a"));
    EXPECT(!uri("*", "urn:a"));
    EXPECT(!uri("**", "spiffe://p.example/a"));
    EXPECT(!uri("", "spiffe://p.example/a"));
}

TEST("a URI that could mean something else never meets a wildcard")
{
    static const char *const bad[] = {"https://p.example/a/%2e%2e/b", "https://p.example/a/../b",
                                      "https://p.example/a/./b",      "https://p.example//b",
                                      "https://p.example/a/",         "https://p.example/a?x",
                                      "https://p.example/a#x",        "https://p.example/a/..",
                                      "https://p.example/*",          "https://p.example/a%2fb"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(!uri("https://p.example/**", bad[i]));
        EXPECT(!uri("https://p.example/*", bad[i]));
        EXPECT(!uri("https://p.example/*/*", bad[i]));
    }
}

TEST("a null byte, a space or a broken escape is no URI")
{
    EXPECT(name_uri_good("https://p.example/a", 19));
    EXPECT(!name_uri_good("https://p.example/\0", 19));
    EXPECT(!name_uri_good("https://p.example/ ", 19));
    EXPECT(!name_uri_good("https://p.example/%4", 20));
    EXPECT(!name_uri_good("https:", 6));
    EXPECT(!name_uri_good("no-scheme", 9));
    EXPECT(!rule_uri_matches("https://p.example/a", "https://p.example/a\0b", 21));
}

TEST("a name is read no further than its length")
{
    const char *name = "spiffe://p.example/client";

    for (size_t n = 0; n < strlen(name); n++) {
        EXPECT(!rule_uri_matches(name, name, n));
        EXPECT(!rule_dns_matches("p.example", name + 9, n > 9 ? 9 : n) || n >= 9);
    }
}

int main(void)
{
    return test_run();
}
