/* Name constraints (RFC 5280 4.2.1.10): their form, and which names they let pass. */
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

/* The verdict on a client or a server (by server_name) of these names under an issuer so
 * constrained; the intermediate is constrained, and then a root itself. */
static enum reason verdict(const struct pki_spec *ca, const struct pki_spec *leaf,
                           const char *server_name)
{
    struct pki_cert root = pki_ca(NULL, "Root"), sub = pki_issue(&root, ca);
    struct pki_case c = {.anchors = {root.x},
                         .chain = {pki_issue(&sub, leaf).x, sub.x},
                         .side = server_name ? LEG_INNER : LEG_OUTER,
                         .server_name = server_name,
                         .no_revocation = true};

    return pki_refusal(&c);
}

static enum reason client(const char *constraints, const char *sans)
{
    return verdict(&(struct pki_spec){.cn = "CA", .ca = true, .constraints = constraints},
                   &(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .sans = sans}, NULL);
}

static enum reason server(const char *constraints, const char *sans, const char *name)
{
    return verdict(&(struct pki_spec){.cn = "CA", .ca = true, .constraints = constraints},
                   &(struct pki_spec){.cn = "peer", .purpose = "serverAuth", .sans = sans}, name);
}

/* The same with the extension's bytes. */
static enum reason raw(const char *hex, const char *sans)
{
    return verdict(&(struct pki_spec){.cn = "CA", .ca = true, .extra = {{"2.5.29.30", true, hex}}},
                   &(struct pki_spec){.cn = "foo", .purpose = "clientAuth", .sans = sans}, NULL);
}

static bool root_taken(const struct pki_ext constraints)
{
    struct pki_cert root = pki_issue(
        NULL, &(struct pki_spec){.cn = "Root", .ca = true, .extra = {constraints}});
    struct pki_case c = {.anchors = {root.x}};
    struct err e;
    struct trust *t = pki_trust(&c, &e);

    EXPECT(t || strstr(e.what, "name constraints") || strstr(e.what, "can not be read"));
    trust_free(t);
    return t != NULL;
}

TEST("a permitted DNS name permits itself and what lies below it")
{
    static const char *const nc = "critical,permitted;DNS:example.com";

    EXPECT(client(nc, "dns:example.com") == REASON_NONE);
    EXPECT(client(nc, "dns:foo.bar.example.com") == REASON_NONE);
    EXPECT(client(nc, "dns:FOO.Example.COM") == REASON_NONE);
    EXPECT(client(nc, "dns:not-example.com") == REASON_CHAIN);
    EXPECT(client(nc, "dns:example.com.evil") == REASON_CHAIN);
    EXPECT(client(nc, "dns:com") == REASON_CHAIN);
    EXPECT(client(nc, "dns:example.com dns:other.test") == REASON_CHAIN); /* each name counts */
    EXPECT(client(nc, "dns:.example.com dns:foo.example.com") == REASON_NAME_INVALID);
    EXPECT(client(nc, NULL) == REASON_NONE);
    EXPECT(client("critical,permitted;DNS:a.test,permitted;DNS:b.test", "dns:b.test") ==
           REASON_NONE);
}

TEST("an excluded DNS name excludes itself and what lies below it, whatever else permits it")
{
    static const char *const nc = "critical,excluded;DNS:example.com";

    EXPECT(client(nc, "dns:example.com") == REASON_CHAIN);
    EXPECT(client(nc, "dns:a.EXAMPLE.com") == REASON_CHAIN);
    EXPECT(client(nc, "dns:other.test dns:a.example.com") == REASON_CHAIN);
    EXPECT(client(nc, "dns:notexample.com") == REASON_NONE);
    EXPECT(client("critical,permitted;DNS:example.com,excluded;DNS:example.com",
                  "dns:example.com") == REASON_CHAIN);
    EXPECT(client("critical,permitted;DNS:example.com,excluded;DNS:x.example.com",
                  "dns:x.example.com") == REASON_CHAIN);
    EXPECT(raw("3006a10430028200", "dns:a.test") == REASON_CHAIN); /* "": all of them */
    EXPECT(raw("3006a10430028200", "uri:https://a.test/") == REASON_NONE);
}

TEST("addresses and networks: permitted and excluded, of both families")
{
    EXPECT(client("critical,permitted;IP:192.0.2.0/255.255.255.0", "ip:192.0.2.1") == REASON_NONE);
    EXPECT(client("critical,permitted;IP:192.0.2.0/255.255.255.0", "ip:192.0.3.1") == REASON_CHAIN);
    EXPECT(client("critical,permitted;IP:192.0.2.0/255.255.255.0", "ip:::1") == REASON_CHAIN);
    EXPECT(client("critical,excluded;IP:192.0.2.0/255.255.255.0", "ip:192.0.2.1") == REASON_CHAIN);
    EXPECT(client("critical,excluded;IP:192.0.2.0/255.255.255.0", "ip:192.0.3.1") == REASON_NONE);
    EXPECT(client("critical,excluded;IP:0.0.0.0/0.0.0.0", "ip:192.0.3.1") == REASON_CHAIN);
    EXPECT(client("critical,permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ip:::1") ==
           REASON_NONE);
    EXPECT(client("critical,excluded;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ip:::1") ==
           REASON_CHAIN);
    EXPECT(client("critical,permitted;IP:192.0.2.0/255.255.255.0", "ip:192.0.2.1 raw:12345678") ==
           REASON_NAME_INVALID);
}

TEST("constraints of one form do not touch names of another")
{
    EXPECT(client("critical,permitted;IP:192.0.2.0/255.255.255.0", "dns:example.com") ==
           REASON_NONE);
    EXPECT(client("critical,excluded;IP:192.0.2.0/255.255.255.0", "dns:example.com") ==
           REASON_NONE);
    EXPECT(client("critical,permitted;email:example.com", "uri:https://a.test/") == REASON_NONE);
}

TEST("email: a mailbox, a host or all hosts of a domain")
{
    EXPECT(client("critical,permitted;email:foo@example.com", "email:foo@example.com") ==
           REASON_NONE);
    EXPECT(client("critical,permitted;email:foo@example.com", "email:bar@example.com") ==
           REASON_CHAIN);
    EXPECT(client("critical,permitted;email:foo@example.com", "email:Foo@example.com") ==
           REASON_CHAIN);
    EXPECT(client("critical,permitted;email:example.com", "email:foo@Example.com") == REASON_NONE);
    EXPECT(client("critical,permitted;email:example.com", "email:foo@a.example.com") ==
           REASON_CHAIN);
    EXPECT(client("critical,permitted;email:.example.com", "email:foo@a.example.com") ==
           REASON_NONE);
    EXPECT(client("critical,permitted;email:.example.com", "email:foo@example.com") ==
           REASON_CHAIN);
    EXPECT(client("critical,excluded;email:example.com", "email:foo@example.com") == REASON_CHAIN);
    EXPECT(client("critical,permitted;email:example.com",
                  "email:good@example.com email:bad@address@example.com") == REASON_NAME_INVALID);
}

TEST("URIs: the host counts, or all hosts of a domain")
{
    static const char *const host = "critical,permitted;URI:p.example",
                             *const domain = "critical,permitted;URI:.p.example";

    EXPECT(client(host, "uri:spiffe://p.example/client") == REASON_NONE);
    EXPECT(client(host, "uri:https://P.Example:8443/client") == REASON_NONE);
    EXPECT(client(host, "uri:https://a.p.example/client") == REASON_CHAIN);
    EXPECT(client(domain, "uri:https://a.p.example/client") == REASON_NONE);
    EXPECT(client(domain, "uri:https://p.example/client") == REASON_CHAIN);
    EXPECT(client("critical,excluded;URI:.p.example", "uri:https://a.p.example/") == REASON_CHAIN);
    EXPECT(client("critical,excluded;URI:.p.example", "uri:https://other.test/") == REASON_NONE);
}

TEST("a URI whose host is hidden passes no constraint of URIs, and is free where there is none")
{
    static const char *const hidden[] = {"uri:https://p.example:x@evil.test/",
                                         "uri:https://p.example@evil.test/",
                                         "uri:https://evil.test?x=.p.example",
                                         "uri:https://evil.test#.p.example",
                                         "uri:https://evil.test:80.p.example/a",
                                         "uri:urn:example:a",
                                         "uri:https:///p.example",
                                         "uri:https://10.0.0.1/",
                                         "uri:https://[2001:db8::1]/"};

    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        EXPECT(client("critical,permitted;URI:.p.example,permitted;URI:p.example", hidden[i]) ==
               REASON_CHAIN);
        EXPECT(client("critical,excluded;URI:.p.example", hidden[i]) == REASON_CHAIN);
        EXPECT(client("critical,permitted;DNS:p.example", hidden[i]) == REASON_NONE);
    }
}

/* CN=foo as [4] directoryName, permitted and excluded. */
#define DIR_FOO       "a410300e310c300a06035504030c03666f6f"
#define PERMITTED_FOO "3016a0143012" DIR_FOO
#define EXCLUDED_FOO  "3016a1143012" DIR_FOO

TEST("directory names: the subject and each such name are judged")
{
    EXPECT(raw(PERMITTED_FOO, "dir:foo") == REASON_NONE);
    EXPECT(raw(PERMITTED_FOO, "dir:FOO") == REASON_NONE); /* RFC 5280 7.1 */
    EXPECT(raw(PERMITTED_FOO, NULL) == REASON_NONE);
    EXPECT(raw(PERMITTED_FOO, "dir:not-foo") == REASON_CHAIN);
    EXPECT(raw(EXCLUDED_FOO, "dir:not-foo") == REASON_CHAIN); /* the subject is foo */
    EXPECT(raw(EXCLUDED_FOO, "dir:foo") == REASON_CHAIN);
    EXPECT(verdict(&(struct pki_spec){.cn = "CA",
                                      .ca = true,
                                      .extra = {{"2.5.29.30", true, PERMITTED_FOO}}},
                   &(struct pki_spec){.cn = "not-foo", .purpose = "clientAuth", .sans = "dir:foo"},
                   NULL) == REASON_CHAIN);
    EXPECT(verdict(&(struct pki_spec){.cn = "CA",
                                      .ca = true,
                                      .extra = {{"2.5.29.30", true, EXCLUDED_FOO}}},
                   &(struct pki_spec){.purpose = "clientAuth", .sans = "dns:a.test"},
                   NULL) == REASON_NONE); /* no subject, no such name */
}

TEST("a form of names that nobody here knows is refused where it is constrained and used")
{
    EXPECT(client("critical,excluded;otherName:1.3.6.1.4.1.99999.3;NULL", "dns:a.test") ==
           REASON_NONE);
    EXPECT(client("critical,excluded;otherName:1.3.6.1.4.1.99999.3;NULL", "dns:a.test other:") ==
           REASON_CHAIN);
    EXPECT(client("critical,permitted;DNS:a.test", "dns:a.test other:") == REASON_NONE);
}

TEST("constraints that are malformed are refused, in an intermediate and in an anchor")
{
    static const struct pki_ext bad[] = {
        {"2.5.29.30", true, "3000"},         /* neither list */
        {"2.5.29.30", true, "3004a000a100"}, /* both empty */
        {"2.5.29.30", true,
         "3011a00f300d820b"
         "2a2e6578616d706c652e63"}, /* *.example.c */
        {"2.5.29.30", true,
         "3011a00f300d820b"
         "2e6578616d706c652e6363"}, /* .example.cc */
        {"2.5.29.30", true,
         "3011a10f300d820b"
         "2e6578616d706c652e6363"}, /* excluded */
        {"2.5.29.30", true,
         "3011a00f300d820b"
         "6578616d706c655f2e6363"}, /* example_.cc */
        {"2.5.29.30", true,
         "3011a00f300d820b"
         "6578616d706c652e63632e"}, /* example.cc. */
        {"2.5.29.30", true,
         "300aa00830068704"
         "7f000001"}, /* no mask */
        {"2.5.29.30", true,
         "3016a01430128710"
         "00000000000000000000000000000001"},
        {"2.5.29.30", true,
         "300ea00c300a8708"
         "c0000200ff00ff00"}, /* a hole in it */
        {"2.5.29.30", true,
         "300ea00c300a8708"
         "c0000200000000ff"}, /* the wrong end */
        {"2.5.29.30", true,
         "300fa00d300b8709"
         "c0000200ffffff0000"},
        {"2.5.29.30", true,
         "3012a010300e810c"
         "614061406578616d2e636363"},            /* a@a@exam.ccc */
        {"2.5.29.30", true, "3006a10430028100"}, /* no email at all */
        {"2.5.29.30", true, "3006a10430028600"}, /* no URI at all */
        {"2.5.29.30", true,
         "3012a010300e860c"
         "68747470733a2f2f612e6262"}, /* https://a.bb */
        {"2.5.29.30", true,
         "300ea00c300a8205612e626262"
         "800101"}, /* from depth 1 */
        {"2.5.29.30", true,
         "300ea00c300a8205612e626262"
         "810101"}, /* to depth 1 */
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(raw(bad[i].hex, NULL) == REASON_CHAIN);
        EXPECT(!root_taken(bad[i]));
    }
    EXPECT(
        root_taken((struct pki_ext){"2.5.29.30", true, "3011a00f300d820b61626578616d706c652e63"}));
}

TEST("constraints that are not critical hold all the same")
{
    EXPECT(client("permitted;DNS:a.test", "dns:a.test") == REASON_NONE);
    EXPECT(client("permitted;DNS:a.test", "dns:b.test") == REASON_CHAIN);
}

TEST("a server's wildcard lies within what is permitted and reaches nothing that is excluded")
{
    static const char *const both =
        "critical,permitted;DNS:example.com,excluded;DNS:bar.example.com";

    EXPECT(server(both, "dns:*.example.com", "foo.example.com") == REASON_NONE);
    EXPECT(server(both, "dns:*.example.com", "bar.example.com") == REASON_CHAIN);
    EXPECT(server(both, "dns:*.example.com", "BAR.example.com") == REASON_CHAIN);
    EXPECT(server("critical,permitted;DNS:foo.example.com", "dns:*.example.com",
                  "foo.example.com") == REASON_CHAIN);
    EXPECT(server("critical,excluded;DNS:example.com", "dns:*.example.com", "a.example.com") ==
           REASON_CHAIN);
}

/* Root, two intermediates, client: what the root and the intermediates are made by. */
static enum reason under_three(const struct pki_spec *top, const struct pki_spec *first,
                               const struct pki_spec *second, const char *sans)
{
    struct pki_cert root = pki_issue(NULL, top), a = pki_issue(&root, first),
                    b = pki_issue(&a, second);
    struct pki_spec leaf = {.cn = "peer", .purpose = "clientAuth", .sans = sans};
    struct pki_case c = {
        .anchors = {root.x}, .chain = {pki_issue(&b, &leaf).x, b.x, a.x}, .no_revocation = true};

    return pki_refusal(&c);
}

TEST("constraints narrow on the way down and never widen")
{
    static const char *const foo = "critical,permitted;DNS:foo.test",
                             *const bar = "critical,permitted;DNS:bar.test",
                             *const both = "critical,permitted;DNS:foo.test,permitted;DNS:bar.test";
    struct pki_spec top = {.cn = "Root", .ca = true}, a = {.cn = "A", .ca = true},
                    b = {.cn = "B", .ca = true};

    a.constraints = both;
    b.constraints = bar;
    EXPECT(under_three(&top, &a, &b, "dns:foo.test") == REASON_CHAIN);
    EXPECT(under_three(&top, &a, &b, "dns:bar.test") == REASON_NONE);
    a.constraints = bar;
    b.constraints = both;
    EXPECT(under_three(&top, &a, &b, "dns:foo.test") == REASON_CHAIN);
    a.constraints = foo;
    b.constraints = bar;
    EXPECT(under_three(&top, &a, &b, "dns:foo.test") == REASON_CHAIN);
    a.constraints = b.constraints = NULL;
    top.constraints = bar;
    EXPECT(under_three(&top, &a, &b, "dns:foo.test") == REASON_CHAIN);
    EXPECT(under_three(&top, &a, &b, "dns:bar.test") == REASON_NONE);
}

TEST("an intermediate's own names lie within the constraints above it, unless it is self-issued")
{
    struct pki_spec top = {.cn = "Root",
                           .ca = true,
                           .constraints = "critical,permitted;DNS:ok.test"},
                    a = {.cn = "A", .ca = true}, b = {.cn = "B", .ca = true, .sans = "dns:no.test"};

    EXPECT(under_three(&top, &a, &b, "dns:ok.test") == REASON_CHAIN);
    a.constraints = top.constraints;
    top.constraints = NULL;
    EXPECT(under_three(&top, &a, &b, "dns:ok.test") == REASON_CHAIN);
    b.cn = "A"; /* a new key of the same CA */
    EXPECT(under_three(&top, &a, &b, "dns:ok.test") == REASON_NONE);
    EXPECT(under_three(&top, &a, &b, "dns:no.test") == REASON_CHAIN);
    top.cn = a.cn = b.cn = "peer"; /* the leaf is self-issued: it is judged */
    EXPECT(under_three(&top, &a, &b, "dns:no.test") == REASON_CHAIN);
}

TEST("256 subtrees are looked at, one more is too much")
{
    static char hex[1 << 15];
    int n = 257;

    for (; n >= 256; n--) {
        char *p = hex + sprintf(hex, "3082%04xa182%04x", 5 * n + 4, 5 * n);

        for (int i = 0; i < n; i++)
            p += sprintf(p, "3003820161");
        EXPECT(raw(hex, "dns:b.test") == (n > 256 ? REASON_CHAIN_LIMIT : REASON_NONE));
    }
}

int main(void)
{
    return test_run();
}
