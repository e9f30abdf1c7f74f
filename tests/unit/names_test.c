#include "handshake/names.h"
#include "tests/unit/test.h"

#define N(s) s, sizeof(s) - 1

TEST("DNS names are letters, digits and inner hyphens in labels")
{
    EXPECT(name_dns_form(N("a.example")) == NAME_PLAIN);
    EXPECT(name_dns_form(N("A-1.Example")) == NAME_PLAIN);
    EXPECT(name_dns_form(N("*.example.com")) == NAME_WILDCARD);
}

TEST("malformed DNS names are known for what they are")
{
    static const char *bad[] = {"",       ".",       "a..b",  "a.",    ".a",      "-a.b",
                                "a-.b",   "a_b.c",   "a b.c", "*",     "a.*.b.c", "f*.b.c",
                                "*a.b.c", "1.2.3.4", "::1",   "a/b.c", "a.b:443", "\xc3\xa4.b"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(name_dns_form(bad[i], strlen(bad[i])) == NAME_BAD);
}

TEST("a null byte does not end a name early")
{
    EXPECT(name_dns_form(N("good.example\0.evil")) == NAME_BAD);
    EXPECT(!name_dns_matches(N("good.example\0.evil"), "good.example"));
    EXPECT(!rule_dns_matches("good.example", N("good.example\0.evil")));
    EXPECT(!rule_uri_matches("spiffe://a/b", N("spiffe://a/b\0c")));
}

TEST("a label of 63 bytes is the longest")
{
    char name[70];

    memset(name, 'a', sizeof name);
    memcpy(name + 63, ".b", 3);
    EXPECT(name_dns_form(name, 65) == NAME_PLAIN);
    memset(name, 'a', sizeof name);
    memcpy(name + 64, ".b", 3);
    EXPECT(name_dns_form(name, 66) == NAME_BAD);
}

TEST("a certificate's wildcard stands for exactly the leftmost label")
{
    EXPECT(name_dns_matches(N("*.example.com"), "a.example.com"));
    EXPECT(name_dns_matches(N("*.Example.com"), "A.example.COM"));
    EXPECT(!name_dns_matches(N("*.example.com"), "example.com"));
    EXPECT(!name_dns_matches(N("*.example.com"), "a.b.example.com"));
    EXPECT(!name_dns_matches(N("*.example.com"), ".example.com"));
    EXPECT(!name_dns_matches(N("*.com"), "a.com"));
    EXPECT(name_dns_matches(N("exact.test"), "EXACT.test"));
}

TEST("a rule's star is one whole label, and a certificate's wildcard meets no rule")
{
    EXPECT(rule_dns_matches("*.example.com", N("a.example.com")));
    EXPECT(rule_dns_matches("a.*.com", N("a.example.com")));
    EXPECT(!rule_dns_matches("*.example.com", N("a.b.example.com")));
    EXPECT(!rule_dns_matches("*.example.com", N("example.com")));
    EXPECT(!rule_dns_matches("*.example.com", N("*.example.com")));
    EXPECT(rule_dns_matches("a.example.com", N("A.EXAMPLE.com")));
    EXPECT(!rule_dns_matches("a.example.com", N("a.example.com.evil")));
    EXPECT(!rule_dns_matches("a.example.com.evil", N("a.example.com")));
}

TEST("a URI's scheme and authority compare without case, its path with it")
{
    EXPECT(
        rule_uri_matches("spiffe://partner.example/client", N("spiffe://partner.example/client")));
    EXPECT(
        rule_uri_matches("SPIFFE://Partner.Example/client", N("spiffe://partner.example/client")));
    EXPECT(
        !rule_uri_matches("spiffe://partner.example/Client", N("spiffe://partner.example/client")));
    EXPECT(!rule_uri_matches("spiffe://partner.example/client",
                             N("spiffe://partner.example/client/")));
    EXPECT(!rule_uri_matches("spiffe://partner.example", N("spiffe://partner.example.evil")));
    EXPECT(rule_uri_matches("urn:uuid:1234", N("urn:uuid:1234")));
}

TEST("a star is one path segment, two are the rest of the path, and neither is nothing")
{
    EXPECT(rule_uri_matches("spiffe://a/*/c", N("spiffe://a/b/c")));
    EXPECT(!rule_uri_matches("spiffe://a/*/c", N("spiffe://a/b/x/c")));
    EXPECT(!rule_uri_matches("spiffe://a/*/c", N("spiffe://a//c")));
    EXPECT(!rule_uri_matches("spiffe://a/*", N("spiffe://a/")));
    EXPECT(!rule_uri_matches("spiffe://a/*", N("spiffe://a")));
    EXPECT(rule_uri_matches("spiffe://a/**", N("spiffe://a/b/c/d")));
    EXPECT(!rule_uri_matches("spiffe://a/**", N("spiffe://a/")));
    EXPECT(!rule_uri_matches("spiffe://a/**", N("spiffe://b/c")));
    EXPECT(!rule_uri_matches("spiffe://a/b/**", N("spiffe://a/c/d")));
}

TEST("a URI that could mean another after normalisation meets no wildcard")
{
    EXPECT(!rule_uri_matches("spiffe://a/**", N("spiffe://a/b/../c")));
    EXPECT(!rule_uri_matches("spiffe://a/*", N("spiffe://a/%62")));
    EXPECT(!rule_uri_matches("spiffe://a/*", N("spiffe://a/..")));
    EXPECT(!rule_uri_matches("spiffe://a/*", N("spiffe://a/.")));
    EXPECT(!rule_uri_matches("https://a/*", N("https://a/b?x=1")));
    EXPECT(!rule_uri_matches("https://a/*", N("https://a/b#x")));
    EXPECT(rule_uri_matches("https://a/b?x=1", N("https://a/b?x=1")));
}

TEST("SPIFFE IDs have a lower-case trust domain and plain segments")
{
    EXPECT(name_spiffe_good(N("spiffe://partner.example/client")));
    EXPECT(name_spiffe_good(N("spiffe://partner.example")));
    EXPECT(!name_spiffe_good(N("spiffe://Partner.example/client")));
    EXPECT(!name_spiffe_good(N("spiffe:///client")));
    EXPECT(!name_spiffe_good(N("spiffe://a/")));
    EXPECT(!name_spiffe_good(N("spiffe://a//b")));
    EXPECT(!name_spiffe_good(N("spiffe://a/../b")));
    EXPECT(!name_spiffe_good(N("spiffe://a:443/b")));
    EXPECT(!name_spiffe_good(N("spiffe://user@a/b")));
    EXPECT(!name_spiffe_good(N("spiffe://a/b?c")));
    EXPECT(!name_spiffe_good(N("spiffe://a/%62")));
}

TEST("an email's local part compares exactly, its domain without case")
{
    EXPECT(rule_email_matches("ops@partner.example", N("ops@Partner.Example")));
    EXPECT(!rule_email_matches("ops@partner.example", N("Ops@partner.example")));
    EXPECT(!rule_email_matches("ops@partner.example", N("ops@partner.example.evil")));
    EXPECT(!name_email_good(N("two@at@signs.example")));
    EXPECT(!name_email_good(N("@no.local")));
    EXPECT(!name_email_good(N("no-at.example")));
    EXPECT(!name_email_good(N("a@under_score.example")));
}

int main(void)
{
    return test_run();
}
