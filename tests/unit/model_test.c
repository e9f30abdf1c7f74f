#include "mgmt/model/model.h"
#include <stdio.h>
#include <stdlib.h>
#include "tests/unit/test.h"

/* A good configuration, in pieces that a case may replace. */
struct doc {
    const char *trust, *profiles, *listen, *listen_tls, *peers, *forward, *link, *more_links, *top;
};

#define TLS_BLOCK "\"tls\": {\"identity\": \"gw\", \"trust\": \"p\", %s \"peers\": %s}"

static void render(const struct doc *d, char *out, size_t n)
{
    char tls[1024];

    snprintf(tls, sizeof tls, TLS_BLOCK, d->listen_tls ? d->listen_tls : "",
             d->peers ? d->peers : "[{\"dns\": \"a.test\"}]");
    snprintf(out, n,
             "{\"identities\": {\"gw\": {\"certificate\": \"gw.pem\", \"key\": \"gw.key\"}},"
             "\"trust\": %s, \"profiles\": %s, \"links\": {\"in\": {\"listen\": {%s, %s}, "
             "\"forward\": %s %s} %s} %s}",
             d->trust ? d->trust : "{\"p\": {\"anchors\": [\"ca.pem\"], \"crls\": [\"ca.crl\"]}}",
             d->profiles ? d->profiles : "{}",
             d->listen ? d->listen : "\"address\": [\"127.0.0.1:8443\"]", tls,
             d->forward ? d->forward : "{\"to\": [\"127.0.0.1:7000\"]}", d->link ? d->link : "",
             d->more_links ? d->more_links : "", d->top ? d->top : "");
}

static int judge_text(const char *text, struct err *e)
{
    struct model m = {0};
    int rc;

    memset(e, 0, sizeof *e);
    rc = model_parse(&m, text, strlen(text), e);
    if (!rc)
        rc = model_validate(&m, e);
    model_fini(&m);
    return rc;
}

static int judge(struct doc d, struct err *e)
{
    char text[8192];

    render(&d, text, sizeof text);
    return judge_text(text, e);
}

static bool refused_at(struct doc d, const char *pointer)
{
    struct err e;
    bool as_wanted = judge(d, &e) != 0 && !strcmp(e.where, pointer) && e.what[0] && e.fix[0];

    if (!as_wanted)
        printf("    got where=%s what=%s fix=%s\n", e.where, e.what, e.fix);
    return as_wanted;
}

TEST("a plain good configuration is good")
{
    struct err e;

    EXPECT(judge((struct doc){0}, &e) == 0);
}

TEST("broken JSON is told by line and column")
{
    struct err e;

    EXPECT(judge_text("{\n \"links\": ]\n}", &e) != 0 && !strncmp(e.where, "line 2", 6));
    EXPECT(judge_text("", &e) != 0);
    EXPECT(judge_text("[]", &e) != 0);
    EXPECT(judge_text("{\"links\": {}, \"links\": {}}", &e) != 0);
}

TEST("an unknown key is refused where it stands, with the nearest known one")
{
    struct err e;

    EXPECT(refused_at((struct doc){.link = ", \"engin\": \"auto\""}, "/links/in/engin"));
    EXPECT(judge((struct doc){.link = ", \"engin\": \"auto\""}, &e) && strstr(e.fix, "engine"));
    EXPECT(refused_at((struct doc){.top = ", \"link\": {}"}, "/link"));
    EXPECT(refused_at((struct doc){.link = ", \"limits\": {\"session\": 1}"},
                      "/links/in/limits/session"));
    EXPECT(refused_at((struct doc){.listen_tls = "\"server_name\": \"a\","},
                      "/links/in/listen/tls/server_name"));
}

TEST("an empty rule, an empty list in one, or any beside others would allow too much")
{
    EXPECT(refused_at((struct doc){.peers = "[{}]"}, "/links/in/listen/tls/peers/0"));
    EXPECT(
        refused_at((struct doc){.peers = "[{\"dns\": []}]"}, "/links/in/listen/tls/peers/0/dns"));
    EXPECT(refused_at((struct doc){.peers = "[{\"any\": true, \"dns\": \"a.b\"}]"},
                      "/links/in/listen/tls/peers/0"));
    EXPECT(refused_at((struct doc){.peers = "[{\"any\": false}]"},
                      "/links/in/listen/tls/peers/0/any"));
    EXPECT(refused_at((struct doc){.peers = "[{\"any\": 1}]"}, "/links/in/listen/tls/peers/0/any"));
    EXPECT(refused_at((struct doc){.peers = "{}"}, "/links/in/listen/tls/peers"));
}

TEST("an empty list of rules and the explicit any are legal")
{
    struct err e;

    EXPECT(judge((struct doc){.peers = "[]"}, &e) == 0);
    EXPECT(judge((struct doc){.peers = "[{\"any\": true}]"}, &e) == 0);
}

TEST("patterns that could not mean what they seem to are refused")
{
    static const struct {
        const char *peers, *at;
    } bad[] = {
        {"[{\"dns\": \"a..b\"}]", "/links/in/listen/tls/peers/0/dns"},
        {"[{\"dns\": \"f*.b\"}]", "/links/in/listen/tls/peers/0/dns"},
        {"[{\"uri\": \"no-scheme\"}]", "/links/in/listen/tls/peers/0/uri"},
        {"[{\"uri\": \"spiffe://*/x\"}]", "/links/in/listen/tls/peers/0/uri"},
        {"[{\"uri\": \"spiffe://a/x*\"}]", "/links/in/listen/tls/peers/0/uri"},
        {"[{\"uri\": \"spiffe://a/**/x\"}]", "/links/in/listen/tls/peers/0/uri"},
        {"[{\"ip\": \"10.0.0.1/8\"}]", "/links/in/listen/tls/peers/0/ip"},
        {"[{\"cert_sha256\": \"AB\"}]", "/links/in/listen/tls/peers/0/cert_sha256"},
        {"[{\"serial\": \"abc\"}]", "/links/in/listen/tls/peers/0/serial"},
        {"[{\"email\": \"nobody\"}]", "/links/in/listen/tls/peers/0/email"},
        {"[{\"dns\": [\"a.b\", \"c d\"]}]", "/links/in/listen/tls/peers/0/dns/1"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(refused_at((struct doc){.peers = bad[i].peers}, bad[i].at));
}

TEST("references lead somewhere")
{
    EXPECT(refused_at((struct doc){.listen_tls = "\"profile\": \"none\","},
                      "/links/in/listen/tls/profile"));
    EXPECT(refused_at((struct doc){.trust = "{\"q\": {\"anchors\": [\"c\"]}}"},
                      "/links/in/listen/tls/trust"));
    EXPECT(refused_at((struct doc){.trust = "{\"p\": {\"anchors\": []}}"}, "/trust/p/anchors"));
    EXPECT(refused_at((struct doc){.trust = "{\"p\": {}}"}, "/trust/p/anchors"));
}

TEST("a forward side with tls names its server")
{
    EXPECT(refused_at(
        (struct doc){
            .forward =
                "{\"to\": [\"a.test:1\"], \"tls\": {\"identity\": \"gw\", \"trust\": \"p\"}}"},
        "/links/in/forward/tls/server_name"));
    EXPECT(
        refused_at((struct doc){.forward = "{\"to\": [\"a.test:1\"], \"tls\": {\"identity\": "
                                           "\"gw\", \"trust\": \"p\", \"server_name\": \"a_b\"}}"},
                   "/links/in/forward/tls/server_name"));
}

TEST("targets and addresses are what they should be")
{
    EXPECT(refused_at((struct doc){.forward = "{\"to\": []}"}, "/links/in/forward/to"));
    EXPECT(refused_at((struct doc){.forward = "{\"to\": [\"host\"]}"}, "/links/in/forward/to/0"));
    EXPECT(refused_at((struct doc){.forward = "{\"to\": [\"1.2.3.4:1\", \"1.2.3.4:99999\"]}"},
                      "/links/in/forward/to/1"));
    EXPECT(refused_at((struct doc){.listen = "\"address\": [\"localhost:1\"]"},
                      "/links/in/listen/address/0"));
    EXPECT(refused_at((struct doc){.listen = "\"address\": [\"127.0.0.1:0\"]"},
                      "/links/in/listen/address/0"));
    EXPECT(refused_at((struct doc){.listen = "\"address\": [\"1.2.3.4:5\", \"1.2.3.4:5\"]"},
                      "/links/in/listen/address/1"));
}

#define SECOND(address, names, tls)                                                                \
    ", \"two\": {\"listen\": {\"address\": [\"" address "\"] " names tls                           \
    "}, \"forward\": {\"to\": [\"127.0.0.1:1\"]"
#define TWO_TLS ", \"tls\": {\"identity\": \"gw\", \"trust\": \"p\"}"

TEST("links share an address only by different names")
{
    struct err e;

    EXPECT(refused_at((struct doc){.more_links = SECOND("127.0.0.1:8443", "", TWO_TLS) "}}"},
                      "/links/two/listen/address/0"));
    EXPECT(
        judge((struct doc){.more_links = SECOND("127.0.0.1:8443",
                                                ", \"server_names\": [\"b.test\"]", TWO_TLS) "}}"},
              &e) == 0);
    EXPECT(refused_at(
        (struct doc){.listen = "\"address\": [\"127.0.0.1:8443\"], \"server_names\": [\"B.test\"]",
                     .more_links = SECOND("127.0.0.1:8443", ", \"server_names\": [\"b.test\"]",
                                          TWO_TLS) "}}"},
        "/links/two/listen/server_names"));
    EXPECT(refused_at((struct doc){.more_links = SECOND("0.0.0.0:8443", "", TWO_TLS) "}}"},
                      "/links/two/listen/address/0"));
}

TEST("plain beside TLS on one address, or plain on both sides, is refused")
{
    EXPECT(refused_at(
        (struct doc){.more_links = SECOND("127.0.0.1:8443", "",
                                          "") ", \"tls\": {\"identity\": \"gw\", \"trust\": \"p\", "
                                              "\"server_name\": \"a.b\"}}}"},
        "/links/two/listen/address/0"));
    EXPECT(
        refused_at((struct doc){.more_links = SECOND("127.0.0.1:1", "", "") "}}"}, "/links/two"));
}

TEST("suites, versions, engines, proxies and numbers have their bounds")
{
    EXPECT(refused_at(
        (struct doc){.profiles = "{\"x\": {\"suites\": [\"TLS_RSA_WITH_AES_128_CBC_SHA\"]}}"},
        "/profiles/x/suites/0"));
    EXPECT(refused_at((struct doc){.profiles = "{\"x\": {\"versions\": [\"1.1\"]}}"},
                      "/profiles/x/versions"));
    EXPECT(refused_at((struct doc){.profiles = "{\"default\": {}}"}, "/profiles/default"));
    EXPECT(refused_at(
        (struct doc){
            .profiles = "{\"x\": {\"suites\": [\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"]}}"},
        "/profiles/x/suites/0"));
    EXPECT(refused_at((struct doc){.link = ", \"engine\": \"fast\""}, "/links/in/engine"));
    EXPECT(refused_at((struct doc){.link = ", \"engine\": \"dpdk\""}, "/links/in/engine"));
    EXPECT(refused_at((struct doc){.link = ", \"limits\": {\"sessions\": 0}"},
                      "/links/in/limits/sessions"));
    EXPECT(refused_at((struct doc){.link = ", \"limits\": {\"sessions\": 1.5}"},
                      "/links/in/limits/sessions"));
    EXPECT(refused_at((struct doc){.link = ", \"limits\": {\"handshake_s\": \"5\"}"},
                      "/links/in/limits/handshake_s"));
    EXPECT(refused_at((struct doc){.link = ", \"sources\": []"}, "/links/in/sources"));
    EXPECT(
        refused_at((struct doc){.link = ", \"sources\": [\"10.1.0.0/8\"]"}, "/links/in/sources/0"));
    EXPECT(refused_at((struct doc){.forward = "{\"to\": [\"1.2.3.4:1\"], \"proxy\": \"v3\"}"},
                      "/links/in/forward/proxy"));
    EXPECT(refused_at((struct doc){.top = ", \"drain_s\": -1"}, "/drain_s"));
    EXPECT(
        refused_at((struct doc){.listen_tls = "\"alpn\": \"same\","}, "/links/in/listen/tls/alpn"));
}

TEST("where log lines are sent is whole, or refused at what is missing or wrong")
{
    static const char *const good =
        ", \"log\": {\"syslog\": {\"to\": \"a.test:6514\", \"identity\": \"gw\", \"trust\": \"p\", "
        "\"server_name\": \"a.test\", \"least\": \"warn\"}}";
    static const struct {
        const char *log, *pointer;
    } rows[] = {{"7", "/log"},
                {"{\"syslog\": 7}", "/log/syslog"},
                {"{\"file\": {}}", "/log/file"},
                {"{\"syslog\": {}}", "/log/syslog/to"},
                {"{\"syslog\": {\"to\": \"a:1\"}}", "/log/syslog/identity"},
                {"{\"syslog\": {\"to\": \"a:1\", \"identity\": 7}}", "/log/syslog/identity"},
                {"{\"syslog\": {\"to\": \"a:1\", \"identity\": \"gw\"}}", "/log/syslog/trust"},
                {"{\"syslog\": {\"to\": \"a:1\", \"identity\": \"gw\", \"trust\": \"p\"}}",
                 "/log/syslog/server_name"},
                {"{\"syslog\": {\"to\": \"a:1\", \"identity\": \"gw\", \"trust\": \"p\", "
                 "\"server_name\": \"a\", \"least\": \"debug\"}}",
                 "/log/syslog/least"}};
    struct err e;

    EXPECT(judge((struct doc){.top = good}, &e) == 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char top[512];

        snprintf(top, sizeof top, ", \"log\": %s", rows[i].log);
        EXPECT(refused_at((struct doc){.top = top}, rows[i].pointer));
    }
}

TEST("names are short and plain, and a pointer escapes what JSON pointers escape")
{
    EXPECT(refused_at((struct doc){.trust = "{\"a b\": {\"anchors\": [\"c\"]}}"}, "/trust/a b"));
    EXPECT(
        refused_at((struct doc){.trust = "{\"a/b~c\": {\"anchors\": [\"c\"]}}"}, "/trust/a~1b~0c"));
}

int main(void)
{
    return test_run();
}
