/* validate: is each fault of meaning found, at its place, before anything is opened? */
#include <time.h>
#include "tests/unit/config.h"

#define TLS  "/links/in/listen/tls"
#define FTLS "/links/out/forward/tls"
#define HEX  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST("the example is good")
{
    struct err e;

    EXPECT(config_judge(config_good, &e) == 0);
}

TEST("a reference to what does not exist is refused")
{
    config_refused(TLS "/identity", "\"gv\"", TLS "/identity", "\"gv\"");
    config_refused(TLS "/identity", "[\"gw\", \"gv\"]", TLS "/identity", "\"gv\"");
    config_refused(TLS "/trust", "\"x\"", TLS "/trust", "\"x\"");
    config_refused(TLS "/profile", "\"x\"", TLS "/profile", "\"x\"");
    config_refused(FTLS "/identity", "\"x\"", FTLS "/identity", "\"x\"");
    config_refused(FTLS "/trust", "\"x\"", FTLS "/trust", "\"x\"");
    config_accepted(TLS "/profile", "\"strict\"");
}

TEST("an identity is named once, four at most")
{
    config_accepted(TLS "/identity", "[\"gw\", \"gw2\"]");
    config_refused(TLS "/identity", "[\"gw\", \"gw\"]", TLS "/identity", "twice");
    config_refused(TLS "/identity", "[\"a\",\"b\",\"c\",\"d\",\"e\"]", TLS "/identity", "4");
}

TEST("an address to listen on is numeric, with a port, and no coat around IPv4")
{
    static const char at[] = "/links/in/listen/address/0";

    config_accepted(at, "\"[2001:db8::1]:443\"");
    config_refused(at, "\"127.0.0.1\"", at, "no address");
    config_refused(at, "\"localhost:443\"", at, "no address");
    config_refused(at, "\"127.0.0.1:0\"", at, "no address");
    config_refused(at, "\"127.0.0.1:65536\"", at, "no address");
    config_refused(at, "\"unix:/run/x\"", at, "no address");
    config_refused(at, "\"[::ffff:127.0.0.1]:443\"", at, "IPv4");
}

TEST("a target is an address, a host name or a unix path")
{
    static const char at[] = "/links/in/forward/to/0";

    config_accepted(at, "\"backend.example:443\"");
    config_accepted(at, "\"[2001:db8::1]:443\"");
    config_accepted(at, "\"unix:/run/backend.sock\"");
    config_refused(at, "\"backend.example\"", at, "no target");
    config_refused(at, "\"127.0.0.1:0\"", at, "no target");
    config_refused(at, "\"1.2.3.400:443\"", at, "no target");
    config_refused(at, "\"unix:relative\"", at, "no target");
    config_refused(at, "\"https://backend.example:443\"", at, "no target");
}

TEST("a server name is a DNS name; a wildcard is its whole leftmost label")
{
    static const char at[] = "/links/in/listen/server_names/0";

    config_accepted(at, "\"GW.test\"");
    config_accepted(at, "\"*.gw.test\"");
    config_refused(at, "\"*\"", at, "wildcard");
    config_refused(at, "\"*.test\"", at, "top-level");
    config_refused(at, "\"a.*.test\"", at, "wildcard");
    config_refused(at, "\"a*.gw.test\"", at, "wildcard");
    config_refused(at, "\"gw_1.test\"", at, "underscore");
    config_refused(at, "\"gw..test\"", at, "empty label");
    config_refused(at, "\"gw.test.\"", at, "dot");
    config_refused(at, "\"-gw.test\"", at, "hyphen");
    config_refused(at, "\"192.0.2.1\"", at, "IP address");
}

TEST("a server name on a plain listener is refused")
{
    config_refused("/links/out/listen/server_names", "[\"a.test\"]",
                   "/links/out/listen/server_names", "plain");
}

TEST("the name of the server we dial is a DNS name or an address, without wildcard")
{
    static const char at[] = FTLS "/server_name";

    config_accepted(at, "\"192.0.2.1\"");
    config_accepted(at, "\"2001:db8::1\"");
    config_refused(at, "\"*.gw.test\"", at, "wildcard");
    config_refused(at, "\"gw test\"", at, "character");
    config_refused(at, "\"1.2.3.400\"", at, "digits");
}

TEST("a URI pattern has a scheme, and wildcards only as whole path segments")
{
    static const char at[] = TLS "/peers/0/uri";

    config_accepted(at, "\"spiffe://partner.example/*/client\"");
    config_accepted(at, "\"spiffe://partner.example/ns/**\"");
    config_accepted(at, "\"urn:uuid:0a1b\"");
    config_accepted(at, "[\"spiffe://a.example/x\", \"https://b.example/y?z=1\"]");
    config_refused(at, "\"partner.example/client\"", at, "scheme");
    config_refused(at, "\"spiffe://*/client\"", at, "trust domain");
    config_refused(at, "\"https://*.example/client\"", at, "before the path");
    config_refused(at, "\"https://a.example/cl*\"", at, "whole path segment");
    config_refused(at, "\"https://a.example/**/x\"", at, "before the end");
    config_refused(at, "\"https://a.example//*\"", at, "empty path segment");
    config_refused(at, "\"https://a.example/../*\"", at, "dots");
    config_refused(at, "\"https://a.example/%2a/*\"", at, "%");
    config_refused(at, "\"urn:*\"", at, "no path");
    config_refused(at, "\"https://a.example/a b\"", at, "character");
    config_refused(at, "\"spiffe://Partner.example/client\"", at, "lower-case");
    config_refused(at, "\"SPIFFE://partner.example/client\"", at, "upper case");
    config_refused(at, "\"spiffe://partner.example/client/\"", at, "slash");
}

TEST("a DNS pattern has * as a whole label, but not the last")
{
    static const char at[] = TLS "/peers/0";

    config_accepted(at, "{\"dns\": \"*.partner.example\"}");
    config_accepted(at, "{\"dns\": \"a.*.example\"}");
    config_refused(at, "{\"dns\": \"*\"}", TLS "/peers/0/dns", "wildcard");
    config_refused(at, "{\"dns\": \"a.*\"}", TLS "/peers/0/dns", "wildcard");
    config_refused(at, "{\"dns\": \"a*.example\"}", TLS "/peers/0/dns", "wildcard");
    config_refused(at, "{\"dns\": [\"a.example\", \"a..b\"]}", TLS "/peers/0/dns/1", "label");
}

TEST("an email is one whole address")
{
    static const char at[] = TLS "/peers/0";

    config_accepted(at, "{\"email\": \"pay@partner.example\"}");
    config_refused(at, "{\"email\": \"partner.example\"}", TLS "/peers/0/email", "@");
    config_refused(at, "{\"email\": \"@partner.example\"}", TLS "/peers/0/email", "mailbox");
    config_refused(at, "{\"email\": \"*@partner.example\"}", TLS "/peers/0/email", "wildcard");
    config_refused(at, "{\"email\": \"a@b@c.example\"}", TLS "/peers/0/email", "character");
}

TEST("a network has no host bits, and the one that was meant is proposed")
{
    config_accepted(TLS "/peers/0", "{\"ip\": \"192.0.2.0/24\"}");
    config_refused(TLS "/peers/0", "{\"ip\": \"192.0.2.1/24\"}", TLS "/peers/0/ip",
                   "did you mean 192.0.2.0/24");
    config_refused(TLS "/peers/0", "{\"ip\": \"x\"}", TLS "/peers/0/ip", "no network");
    config_accepted("/links/in/sources", "[\"10.0.0.0/8\", \"2001:db8::/32\", \"192.0.2.1\"]");
    config_refused("/links/in/sources", "[\"10.0.0.0/8\", \"10.1.2.3/8\"]", "/links/in/sources/1",
                   "did you mean 10.0.0.0/8");
    config_refused("/links/in/sources", "[\"2001:db8::1/32\"]", "/links/in/sources/0",
                   "did you mean 2001:db8::/32");
    config_refused("/links/in/sources", "[\"10.0.0.0/33\"]", "/links/in/sources/0", "no network");
}

TEST("digests are 64 and serials whole bytes of lower-case hex")
{
    static const char at[] = TLS "/peers/0";

    config_accepted(at, "{\"cert_sha256\": \"" HEX "\", \"serial\": \"0a1b\"}");
    config_refused(at, "{\"cert_sha256\": \"" HEX "0\"}", TLS "/peers/0/cert_sha256", "64");
    config_refused(at, "{\"spki_sha256\": \"AB\"}", TLS "/peers/0/spki_sha256", "upper-case");
    config_refused(at, "{\"issuer_sha256\": \"ab:cd\"}", TLS "/peers/0/issuer_sha256", "colons");
    config_refused(at, "{\"serial\": \"abc\"}", TLS "/peers/0/serial", "odd");
    config_refused(at, "{\"serial\": \"0x12\"}", TLS "/peers/0/serial", "hex");
    config_refused(at, "{\"serial\": \"" HEX "\"}", TLS "/peers/0/serial", "40");
}

TEST("a source is an address of one IP version with the targets, its port free")
{
    static const char at[] = "/links/in/forward/source";

    config_accepted(at, "\"192.0.2.1\"");
    config_accepted(at, "\"192.0.2.1:0\"");
    config_refused(at, "\"192.0.2.1:99\"", at, "port");
    config_refused(at, "\"x\"", at, "no address");
    config_refused(at, "\"unix:/x\"", at, "no address");
    config_refused(at, "\"2001:db8::1\"", at, "can not reach");
}

TEST("at least one side has TLS")
{
    config_refused("/links/in/listen", "{\"address\": [\"127.0.0.1:1\"]}", "/links/in", "plain");
}

TEST("same is for the forward side of a bridge")
{
    config_refused(FTLS "/alpn", "\"same\"", FTLS "/alpn", "listen side");
    config_refused(TLS "/alpn", "\"same\"", TLS "/alpn", "same");
    config_refused(FTLS "/alpn", "\"some\"", FTLS "/alpn", "some");
    config_refused(TLS "/alpn", "[\"h2\", \"h2\"]", TLS "/alpn/1", "twice");
    config_accepted("/links/in/forward/tls",
                    "{\"trust\": \"partners\", \"server_name\": \"a.test\", \"alpn\": \"same\"}");
}

TEST("what speaks of the client's certificate needs TLS on the listen side")
{
    config_refused("/links/out/forward/proxy", "\"v2-tls\"", "/links/out/forward/proxy", "plain");
    config_refused("/links/out/limits", "{\"sessions_per_peer\": 3}",
                   "/links/out/limits/sessions_per_peer", "plain");
}

TEST("a health check ends before the next begins")
{
    config_accepted("/links/in/forward/health", "{\"interval_s\": 1}");
    config_refused("/links/in/forward/health", "{\"interval_s\": 1, \"timeout_s\": 2}",
                   "/links/in/forward/health/timeout_s", "before the next");
}

TEST("suites are of the versions that are offered")
{
    static const char at[] = "/profiles/strict/suites/0";

    config_refused(at, "\"TLS_RSA_WITH_AES_128_CBC_SHA\"", at, "no suite");
    config_refused(at, "\"ECDHE-RSA-AES256-GCM-SHA384\"", at, "IANA");
    config_refused(at, "\"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\"", at, "TLS 1.2");
    config_refused("/profiles/strict/versions", "[\"1.2\"]", at, "TLS 1.3");
    config_refused("/profiles/strict/suites",
                   "[\"TLS_AES_256_GCM_SHA384\", \"TLS_AES_256_GCM_SHA384\"]",
                   "/profiles/strict/suites/1", "twice");
}

/* Two links: `in` as it is, and another TLS link with this listen side. */
static void beside(const char *listen, const char *where, const char *word)
{
    char link[1024];

    snprintf(link, sizeof link, "{\"listen\": %s, \"forward\": {\"to\": [\"127.0.0.1:7000\"]}}",
             listen);
    if (where)
        config_refused("/links/zz", link, where, word);
    else
        config_accepted("/links/zz", link);
}

#define WITH_TLS ", \"tls\": {\"identity\": \"gw\", \"trust\": \"partners\"}}"

TEST("links share an address if their names differ")
{
    beside("{\"address\": [\"127.0.0.1:8443\"], \"server_names\": [\"b.test\"]" WITH_TLS, NULL, "");
}

TEST("one link without names takes what the others do not name")
{
    beside("{\"address\": [\"127.0.0.1:8443\"]" WITH_TLS, NULL, "");
}

TEST("two links with a common name on an address are refused, whatever its case")
{
    beside(
        "{\"address\": [\"127.0.0.1:8443\"], \"server_names\": [\"a.test\", \"GW.test\"]" WITH_TLS,
        "/links/zz/listen/server_names", "link in");
}

TEST("a wildcard over a name of another link on the address is refused")
{
    char *text = config_text("/links/in/listen/server_names", "[\"a.gw.test\"]", "/links/zz",
                             "{\"listen\": {\"address\": [\"127.0.0.1:8443\"], \"server_names\": "
                             "[\"*.gw.test\"]" WITH_TLS
                             ", \"forward\": {\"to\": [\"127.0.0.1:7000\"]}}");
    struct err e;

    EXPECT(config_judge(text, &e) < 0);
    EXPECT(!strcmp(e.where, "/links/zz/listen/server_names"));
    EXPECT(strstr(e.what, "*.gw.test") && strstr(e.what, "a.gw.test"));
    free(text);
}

TEST("two links without names on an address are refused")
{
    char *text = config_text("/links/in/listen/server_names", NULL, "/links/zz",
                             "{\"listen\": {\"address\": [\"127.0.0.1:8443\"]" WITH_TLS
                             ", \"forward\": {\"to\": [\"127.0.0.1:7000\"]}}");
    struct err e;

    EXPECT(config_judge(text, &e) < 0);
    EXPECT(!strcmp(e.where, "/links/zz/listen/address/0") && strstr(e.what, "any name"));
    free(text);
}

TEST("plain beside TLS on an address is refused")
{
    char *text = config_text("/links/out/listen/address/0", "\"127.0.0.1:8443\"", NULL, NULL);
    struct err e;

    EXPECT(config_judge(text, &e) < 0);
    EXPECT(!strcmp(e.where, "/links/out/listen/address/0") && strstr(e.fix, "tls"));
    free(text);
}

TEST("accept_proxy is alike on every link of an address")
{
    config_refused(
        "/links/zz",
        "{\"listen\": {\"address\": [\"127.0.0.1:8443\"], \"server_names\": [\"b.test\"]" WITH_TLS
        ", \"forward\": {\"to\": [\"127.0.0.1:7000\"]}, \"accept_proxy\": true}",
        "/links/zz/accept_proxy", "alike");
}

TEST("an address given twice is refused")
{
    config_refused("/links/in/listen/address", "[\"127.0.0.1:8443\", \"127.0.0.1:8443\"]",
                   "/links/in/listen/address/1", "twice");
}

TEST("all addresses beside one of them on a port are refused, within one IP version")
{
    beside("{\"address\": [\"0.0.0.0:8443\"], \"server_names\": [\"b.test\"]" WITH_TLS,
           "/links/zz/listen/address/0", "overlaps");
    beside("{\"address\": [\"[::]:8443\"], \"server_names\": [\"b.test\"]" WITH_TLS, NULL, "");
    beside("{\"address\": [\"0.0.0.0:8444\"]" WITH_TLS, NULL, "");
    beside("{\"address\": [\"[::]:9\", \"[::1]:9\"]" WITH_TLS, "/links/zz/listen/address/1",
           "overlaps");
}

/* A configuration of many links on one address, each with a name of its own. */
static char *many_links(unsigned n, bool last_repeats)
{
    json_t *root = json_loads(config_good, 0, NULL);
    char *text;

    for (unsigned i = 0; i < n; i++) {
        char at[64], link[512];

        snprintf(at, sizeof at, "/links/l%u", i);
        snprintf(link, sizeof link,
                 "{\"listen\": {\"address\": [\"127.0.0.1:8443\"], \"server_names\": "
                 "[\"n%u.test\"]" WITH_TLS ", \"forward\": {\"to\": [\"127.0.0.1:7000\"]}}",
                 last_repeats && i == n - 1 ? 0 : i);
        config_put(root, at, link);
    }
    text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

TEST("4,000 links on one address are judged in a moment, and the last fault is found")
{
    char *good = many_links(4000, false), *bad = many_links(4000, true);
    clock_t start = clock();
    struct err e;

    EXPECT(config_judge(good, &e) == 0);
    EXPECT(config_judge(bad, &e) < 0 && !strcmp(e.where, "/links/l3999/listen/server_names"));
    EXPECT((double)(clock() - start) / CLOCKS_PER_SEC < 5); /* each with each would take minutes */
    free(good);
    free(bad);
}

TEST("more links than a policy holds are refused")
{
    char *text = many_links(4095, false);
    struct err e;

    EXPECT(config_judge(text, &e) < 0);
    EXPECT(!strcmp(e.where, "/links") && strstr(e.what, "4096"));
    free(text);
}

int main(void)
{
    return test_run();
}
