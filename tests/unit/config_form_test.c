/* model, form: is the grammar of the configuration kept to the letter, key by key? */
#include <errno.h>
#include "tests/unit/config.h"

#define TLS  "/links/in/listen/tls"
#define FTLS "/links/out/forward/tls"

static struct model parsed(const char *at, const char *value)
{
    char *text = config_text(at, value, NULL, NULL);
    struct model m = {0};
    struct err e;

    EXPECT(model_parse(&m, text, strlen(text), &e) == 0);
    free(text);
    return m;
}

static void syntax(const char *text, const char *where, const char *word)
{
    struct err e = {{0}, {0}, {0}};

    EXPECT(config_judge(text, &e) < 0);
    EXPECT(strstr(e.where, where) != NULL);
    EXPECT(strstr(e.what, word) != NULL);
}

TEST("the example configuration is read as it is meant")
{
    struct model m = parsed(NULL, NULL);
    const struct model_link *l = &m.links[0];

    EXPECT(m.n_identities == 2 && !strcmp(m.identities[0].certificate, "gw.pem"));
    EXPECT(m.n_trusts == 1 && m.trusts[0].revocation && !m.trusts[0].stale_cuts);
    EXPECT(m.n_profiles == 1 && m.profiles[0].tls13 && !m.profiles[0].tls12);
    EXPECT(m.n_links == 2 && !strcmp(l->name, "in") && l->listen.present && !l->forward.present);
    EXPECT(l->listen.n_rules == 1 && l->listen.rules[0].conds[0].match == MATCH_URI);
    EXPECT(!strcmp(m.links[1].forward.server_name, "gw.test"));
    EXPECT(m.drain_ms == 10000 && m.busy_poll_us == 0);
    model_fini(&m);
}

TEST("what is left out has the documented default")
{
    struct model m = parsed("/links/in/limits", NULL);
    const struct model_link *l = &m.links[0];

    EXPECT(l->limits.sessions == 10000 && l->limits.handshakes_per_second == 500);
    EXPECT(l->limits.handshakes_per_source == 100 && l->limits.sessions_per_peer == 0);
    EXPECT(l->limits.handshake_ms == 5000 && l->limits.idle_ms == 0 && l->limits.life_ms == 0);
    EXPECT(l->keepalive_s == 60 && l->user_timeout_s == 30 && l->dial_ms == 3000);
    EXPECT(l->health.interval_ms == 0 && l->health.fall == 3 && l->health.rise == 1);
    EXPECT(l->engine == ENGINE_AUTO && l->proxy == PROXY_NONE && !l->accept_proxy);
    EXPECT(!strcmp(l->listen.profile, "default"));
    model_fini(&m);
}

TEST("seconds may have fractions and become milliseconds")
{
    struct model m = parsed("/links/in/limits", "{\"handshake_s\": 0.25, \"idle_s\": 1.5}");

    EXPECT(m.links[0].limits.handshake_ms == 250 && m.links[0].limits.idle_ms == 1500);
    model_fini(&m);
}

TEST("a broken text is refused with line and column")
{
    syntax("{\n  \"links\": {,}\n}", "line 2, column", "near ','");
    syntax("", "line 1, column", "expected");
    syntax("{} x", "line 1, column", "end of file");
    syntax("[1", "line 1", "");
}

TEST("a key that stands twice is refused")
{
    syntax("{\"links\": {}, \"links\": {}}", "line 1, column", "duplicate");
}

TEST("a text that is nested without end is refused, not followed")
{
    static char deep[100000];

    memset(deep, '[', sizeof deep - 1);
    syntax(deep, "line 1", "");
}

TEST("a null byte in a string is refused")
{
    syntax("{\"links\": {\"a\\u0000b\": {}}}", "line 1", "");
}

TEST("more than 8 MiB of text is refused before it is read")
{
    struct model m;
    struct err e;
    size_t n = MODEL_TEXT_MAX + 1;
    char *text = malloc(n);

    memset(text, ' ', n);
    EXPECT(model_parse(&m, text, n, &e) == -EFBIG);
    EXPECT(strstr(e.what, "8 MiB") != NULL);
    free(text);
}

TEST("what is no object at the top is refused")
{
    syntax("[]", "/", "array");
}

TEST("an unknown key is refused wherever it stands, and a near one is proposed")
{
    config_refused("/linkz", "{}", "/linkz", "did you mean \"links\"");
    config_refused("/identities/gw/cert", "\"x\"", "/identities/gw/cert", "known here");
    config_refused("/trust/partners/anchor", "[]", "/trust/partners/anchor", "\"anchors\"");
    config_refused("/profiles/strict/version", "[]", "/profiles/strict/version", "\"versions\"");
    config_refused("/links/in/limit", "{}", "/links/in/limit", "\"limits\"");
    config_refused("/links/in/listen/adress", "[]", "/links/in/listen/adress", "\"address\"");
    config_refused("/links/in/forward/proxi", "\"v1\"", "/links/in/forward/proxi", "\"proxy\"");
    config_refused("/links/in/limits/session", "1", "/links/in/limits/session", "\"sessions\"");
    config_refused(TLS "/peer", "[]", TLS "/peer", "\"peers\"");
    config_refused(TLS "/server_name", "\"x\"", TLS "/server_name", "no key");
    config_refused(TLS "/peers/0/urn", "\"x\"", TLS "/peers/0/urn", "\"uri\"");
    config_refused("/links/in/forward/health", "{\"intervall_s\": 1}",
                   "/links/in/forward/health/intervall_s", "\"interval_s\"");
    config_refused("/links/in/listen/sources", "[]", "/links/in/listen/sources", "no key");
}

TEST("a pointer escapes what RFC 6901 escapes, and no control byte passes")
{
    config_refused("/a~b", "1", "/a~0b", "no key");
    syntax("{\"a/b\": 1}", "/a~1b", "no key");
    syntax("{\"a\\u001b[31m\": 1}", "/a?[31m", "no key");
}

TEST("a value of another type is refused")
{
    config_refused("/links", "[]", "/links", "array");
    config_refused("/links/in", "7", "/links/in", "object");
    config_refused("/links/in/listen", "\"x\"", "/links/in/listen", "string");
    config_refused("/links/in/listen/address", "8443", "/links/in/listen/address", "number");
    config_refused("/links/in/listen/address/0", "8443", "/links/in/listen/address/0", "number");
    config_refused("/links/in/accept_proxy", "1", "/links/in/accept_proxy", "number");
    config_refused("/links/in/limits/sessions", "\"1\"", "/links/in/limits/sessions", "string");
    config_refused("/links/in/limits/sessions", "1.5", "/links/in/limits/sessions", "whole");
    config_refused("/links/in/limits/idle_s", "\"1\"", "/links/in/limits/idle_s", "string");
    config_refused("/drain_s", "null", "/drain_s", "null");
    config_refused("/identities/gw/key", "[]", "/identities/gw/key", "array");
    config_refused("/identities/gw/key", "\"\"", "/identities/gw/key", "empty");
    config_refused(TLS "/peers", "{}", TLS "/peers", "array");
    config_refused(TLS "/peers/0", "\"x\"", TLS "/peers/0", "object");
}

TEST("a number out of its range is refused with the range")
{
    config_refused("/links/in/limits/sessions", "0", "/links/in/limits/sessions", "1 to 1000000");
    config_refused("/links/in/limits/sessions", "1000001", "/links/in/limits/sessions", "1000000");
    config_refused("/links/in/limits/handshakes_per_second", "0",
                   "/links/in/limits/handshakes_per_second", "1 to");
    config_refused("/links/in/limits/handshakes_per_source", "-1",
                   "/links/in/limits/handshakes_per_source", "1 to");
    config_refused("/links/in/limits/handshake_s", "0", "/links/in/limits/handshake_s",
                   "0.1 to 60");
    config_refused("/links/in/limits/life_s", "1e9", "/links/in/limits/life_s", "2e+06");
    config_refused("/links/in/keepalive_s", "32768", "/links/in/keepalive_s", "32767");
    config_refused("/links/in/user_timeout_s", "86401", "/links/in/user_timeout_s", "86400");
    config_refused("/drain_s", "3601", "/drain_s", "3600");
    config_refused("/busy_poll_us", "1001", "/busy_poll_us", "0 to 1000");
    config_refused("/busy_poll_us", "-1", "/busy_poll_us", "0 to 1000");
    config_refused("/busy_poll_us", "0.5", "/busy_poll_us", "whole");
    config_refused("/links/in/forward/health", "{\"fall\": 0}", "/links/in/forward/health/fall",
                   "1 to 100");
}

TEST("a name of other than 1 to 63 plain characters is refused")
{
    config_refused("/links/a b", "{}", "/links/a b", "name");
    config_refused("/identities/gw~", "{}", "/identities/gw~0", "name");
    config_refused("/trust/0123456789012345678901234567890123456789012345678901234567890123", "{}",
                   "/trust/0123456789012345678901234567890123456789012345678901234567890123",
                   "name");
    syntax("{\"links\": {\"\": {}}}", "/links/", "name");
}

TEST("a key that is needed and not there is named")
{
    config_refused("/links", NULL, "/links", "missing");
    config_refused("/links", "{}", "/links", "empty");
    config_refused("/identities/gw/certificate", NULL, "/identities/gw/certificate", "missing");
    config_refused("/trust/partners/anchors", NULL, "/trust/partners/anchors", "missing");
    config_refused("/links/in/listen", NULL, "/links/in/listen", "missing");
    config_refused("/links/in/listen/address", NULL, "/links/in/listen/address", "missing");
    config_refused("/links/in/forward", NULL, "/links/in/forward", "missing");
    config_refused("/links/in/forward/to", NULL, "/links/in/forward/to", "missing");
    config_refused(TLS "/identity", NULL, TLS "/identity", "missing");
    config_refused(TLS "/trust", NULL, TLS "/trust", "missing");
    config_refused(FTLS "/trust", NULL, FTLS "/trust", "missing");
    config_refused(FTLS "/server_name", NULL, FTLS "/server_name", "missing");
}

TEST("only the listen side needs an identity")
{
    config_accepted(FTLS "/identity", NULL);
}

TEST("an empty list where one is needed is refused")
{
    config_refused("/trust/partners/anchors", "[]", "/trust/partners/anchors", "empty");
    config_refused("/links/in/listen/address", "[]", "/links/in/listen/address", "empty");
    config_refused("/links/in/listen/server_names", "[]", "/links/in/listen/server_names", "empty");
    config_refused("/links/in/forward/to", "[]", "/links/in/forward/to", "empty");
    config_refused("/links/in/sources", "[]", "/links/in/sources", "empty");
    config_refused(TLS "/identity", "[]", TLS "/identity", "empty");
    config_refused("/profiles/strict/versions", "[]", "/profiles/strict/versions", "empty");
    config_refused("/profiles/strict/suites", "[]", "/profiles/strict/suites", "empty");
    config_refused("/profiles/strict/groups", "[]", "/profiles/strict/groups", "empty");
}

TEST("an empty rule, or an empty list inside one, is refused: it would allow all")
{
    config_refused(TLS "/peers/0", "{}", TLS "/peers/0", "allow all");
    config_refused(TLS "/peers/0", "{\"dns\": []}", TLS "/peers/0/dns", "empty");
    config_refused(TLS "/peers/0", "{\"dns\": \"\"}", TLS "/peers/0/dns", "empty");
}

TEST("peers that are absent or empty deny all, which is legal")
{
    config_accepted(TLS "/peers", NULL);
    config_accepted(TLS "/peers", "[]");
}

TEST("any stands alone and can only be true")
{
    config_accepted(TLS "/peers/0", "{\"any\": true}");
    config_refused(TLS "/peers/0", "{\"any\": false}", TLS "/peers/0/any", "true");
    config_refused(TLS "/peers/0", "{\"any\": 1}", TLS "/peers/0/any", "true");
    config_refused(TLS "/peers/0", "{\"any\": true, \"dns\": \"a.test\"}", TLS "/peers/0",
                   "beside");
}

TEST("words are taken from their lists only")
{
    config_refused("/trust/partners/revocation", "\"ocsp\"", "/trust/partners/revocation", "crl");
    config_refused("/trust/partners/crl_stale", "\"keep\"", "/trust/partners/crl_stale", "cut");
    config_refused("/links/in/engine", "\"fast\"", "/links/in/engine", "ktls");
    config_refused("/links/in/forward/proxy", "\"v3\"", "/links/in/forward/proxy", "v2-tls");
    config_accepted("/links/in/forward/proxy", "\"v2-tls\"");
    config_accepted("/trust/partners/crl_stale", "\"cut\"");
}

TEST("dpdk is an engine that needs ports")
{
    config_refused("/links/in/engine", "\"dpdk\"", "/links/in/engine", "no ports");
}

TEST("TLS versions are 1.2 and 1.3, each once")
{
    config_accepted("/profiles/strict/versions", "[\"1.2\", \"1.3\"]");
    config_refused("/profiles/strict/versions", "[\"1.1\"]", "/profiles/strict/versions", "1.1");
    config_refused("/profiles/strict/versions", "[\"1.3\", \"1.3\"]", "/profiles/strict/versions",
                   "twice");
}

TEST("the built-in profile can not be defined again")
{
    config_refused("/profiles/default", "{}", "/profiles/default", "built in");
}

TEST("a protocol of ALPN has 1 to 63 bytes")
{
    config_refused(TLS "/alpn", "[\"\"]", TLS "/alpn/0", "empty");
    config_refused(TLS "/alpn",
                   "[\"0123456789012345678901234567890123456789012345678901234567890123\"]",
                   TLS "/alpn/0", "63");
    config_accepted(TLS "/alpn", "[\"h2\", \"http/1.1\"]");
}

TEST("lists have a bound")
{
    static char many[32768];
    size_t n = 1;

    many[0] = '[';
    for (unsigned i = 0; i < 65; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "%s\"127.0.0.1:%u\"", i ? "," : "", 1 + i);
    snprintf(many + n, sizeof many - n, "]");
    config_refused("/links/in/forward/to", many, "/links/in/forward/to", "64");
}

int main(void)
{
    return test_run();
}
