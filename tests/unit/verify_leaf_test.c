/* What a leaf must be to stand for a peer: keys, purpose, names, serial. */
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

/* The verdict on a leaf made by spec under a fresh root, without CRLs. */
static enum reason leaf_under(const struct pki_cert *root, enum leg_side side,
                              const struct pki_spec *spec)
{
    struct pki_cert leaf = pki_issue(root, spec);
    struct pki_case c = {
        .anchors = {root->x}, .chain = {leaf.x}, .side = side, .no_revocation = true};

    return pki_refusal(&c);
}

static enum reason client(const struct pki_spec *spec)
{
    struct pki_cert root = pki_ca(NULL, "Root");

    return leaf_under(&root, LEG_OUTER, spec);
}

static enum reason client_named(const char *sans)
{
    return client(&(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .sans = sans});
}

static enum reason server_named(const char *sans, const char *server_name)
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_leaf(&root, LEG_INNER, sans);
    struct pki_case c = {.anchors = {root.x},
                         .chain = {leaf.x},
                         .side = LEG_INNER,
                         .server_name = server_name,
                         .no_revocation = true};

    return pki_refusal(&c);
}

static enum reason client_with_key(enum pki_key key)
{
    return client(&(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .key = key});
}

TEST("a client with clientAuth is allowed on the listen side")
{
    EXPECT(client_named("dns:client.test") == REASON_NONE);
    EXPECT(client_named(NULL) == REASON_NONE);
}

TEST("a server with serverAuth and our server name is allowed on the forward side")
{
    EXPECT(server_named("dns:gw.test", "gw.test") == REASON_NONE);
}

TEST("keys of P-256, P-384, RSA 2048 and 4096 and Ed25519 are allowed")
{
    EXPECT(client_with_key(KEY_P256) == REASON_NONE);
    EXPECT(client_with_key(KEY_P384) == REASON_NONE);
    EXPECT(client_with_key(KEY_RSA2048) == REASON_NONE);
    EXPECT(client_with_key(KEY_RSA4096) == REASON_NONE);
    EXPECT(client_with_key(KEY_ED25519) == REASON_NONE);
}

TEST("an ML-DSA key is allowed where the library knows it")
{
    struct pki_cert root;

    EXPECT(pki_has(KEY_ML_DSA_65) == (OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 5));
    if (!pki_has(KEY_ML_DSA_65))
        return;
    root = pki_issue(NULL, &(struct pki_spec){.cn = "PQ", .ca = true, .key = KEY_ML_DSA_65});
    EXPECT(leaf_under(
               &root, LEG_OUTER,
               &(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .key = KEY_ML_DSA_65}) ==
           REASON_NONE);
}

TEST("keys off the list are refused: RSA 1024, P-521, DSA, explicit curves, exponent 3")
{
    EXPECT(client_with_key(KEY_RSA1024) == REASON_KEY_TYPE);
    EXPECT(client_with_key(KEY_P521) == REASON_KEY_TYPE);
    EXPECT(client_with_key(KEY_DSA) == REASON_KEY_TYPE);
    EXPECT(client_with_key(KEY_EXPLICIT) == REASON_KEY_TYPE);
    EXPECT(client_with_key(KEY_RSA_E3) == REASON_KEY_TYPE);
}

TEST("an RSA key of 8192 bits is refused before any signature is verified")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_cert leaf = pki_issue(
        &root, &(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .key = KEY_RSA8192});
    /* Its signature is wrong too, which would be said first if it had been looked at. */
    struct pki_case c = {.anchors = {root.x}, .chain = {pki_spoil(leaf.x)}, .no_revocation = true};

    EXPECT(pki_refusal(&c) == REASON_KEY_TYPE);
}

TEST("a key off the list is refused wherever in the presented chain it stands")
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_leaf(&root, LEG_OUTER, NULL);
    struct pki_cert junk = pki_issue(
        &root, &(struct pki_spec){.cn = "junk", .ca = true, .key = KEY_RSA8192});
    struct pki_case c = {.anchors = {root.x}, .chain = {leaf.x, junk.x}, .no_revocation = true};

    EXPECT(pki_refusal(&c) == REASON_KEY_TYPE);
}

TEST("a SHA-1 or SHA-224 signature is refused, a PSS one with SHA-256 is not")
{
    struct pki_cert root = pki_issue(
        NULL, &(struct pki_spec){.cn = "RSA root", .ca = true, .key = KEY_RSA2048});

    EXPECT(client(&(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .digest = "SHA1"}) ==
           REASON_KEY_TYPE);
    EXPECT(client(&(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .digest = "SHA224"}) ==
           REASON_KEY_TYPE);
    EXPECT(leaf_under(&root, LEG_OUTER,
                      &(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .pss = true}) ==
           REASON_NONE);
    EXPECT(leaf_under(&root, LEG_OUTER,
                      &(struct pki_spec){
                          .cn = "peer", .purpose = "clientAuth", .pss = true, .digest = "SHA1"}) ==
           REASON_KEY_TYPE);
}

TEST("a swapped, missing or any extended key usage does not count, on either side")
{
    static const char *const wrong[] = {"serverAuth", NULL, "anyExtendedKeyUsage",
                                        "emailProtection"};
    struct pki_cert root = pki_ca(NULL, "Root");

    for (size_t i = 0; i < 4; i++)
        EXPECT(client(&(struct pki_spec){.cn = "peer", .purpose = wrong[i]}) == REASON_EKU);
    EXPECT(
        leaf_under(&root, LEG_INNER,
                   &(struct pki_spec){.cn = "s", .sans = "dns:gw.test", .purpose = "clientAuth"}) ==
        REASON_EKU);
    EXPECT(leaf_under(&root, LEG_INNER, &(struct pki_spec){.cn = "s", .sans = "dns:gw.test"}) ==
           REASON_EKU);
    EXPECT(leaf_under(&root, LEG_INNER,
                      &(struct pki_spec){.cn = "s",
                                         .sans = "dns:gw.test",
                                         .purpose = "anyExtendedKeyUsage"}) == REASON_EKU);
}

TEST("both purposes in one certificate serve both sides")
{
    struct pki_spec both = {.cn = "s", .sans = "dns:gw.test", .purpose = "serverAuth,clientAuth"};
    struct pki_cert root = pki_ca(NULL, "Root");

    EXPECT(leaf_under(&root, LEG_INNER, &both) == REASON_NONE);
    EXPECT(leaf_under(&root, LEG_OUTER, &both) == REASON_NONE);
}

TEST("a key usage without digitalSignature is refused, an absent one is not")
{
    EXPECT(client(&(struct pki_spec){
               .cn = "peer", .purpose = "clientAuth", .usage = "keyAgreement"}) == REASON_EKU);
    EXPECT(client(&(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .usage = ""}) ==
           REASON_NONE);
}

TEST("a CA certificate can not stand for a peer")
{
    EXPECT(client(&(struct pki_spec){.cn = "peer", .purpose = "clientAuth", .ca = true}) ==
           REASON_LEAF_IS_CA);
    EXPECT(client(&(struct pki_spec){
               .cn = "peer", .purpose = "clientAuth", .usage = "digitalSignature,keyCertSign"}) ==
           REASON_LEAF_IS_CA);
}

TEST("a leaf with name constraints is refused")
{
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .constraints = "permitted;DNS:test"}) == REASON_CHAIN);
}

TEST("a serial that is zero, negative or over 20 bytes is refused, one of 20 bytes is not")
{
    static const struct {
        const char *serial;
        enum reason reason;
    } cases[] = {
        {"00", REASON_NAME_INVALID},
        {"-01", REASON_NAME_INVALID},
        {"010000000000000000000000000000000000000000", REASON_NAME_INVALID},
        {"8000000000000000000000000000000000000000", REASON_NAME_INVALID}, /* 21 in DER */
        {"7fffffffffffffffffffffffffffffffffffffff", REASON_NONE},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        EXPECT(client(&(struct pki_spec){.cn = "peer",
                                         .purpose = "clientAuth",
                                         .serial = cases[i].serial}) == cases[i].reason);
}

TEST("an unknown critical extension is refused, an unknown other one is not")
{
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"1.3.6.1.4.1.99999.1", true, "0500"}}}) ==
           REASON_CHAIN);
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"1.3.6.1.4.1.99999.1", false, "0500"}}}) ==
           REASON_NONE);
}

TEST("critical certificate policies are refused, since nobody here processes them")
{
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"2.5.29.32", true, "3006300406022a03"}}}) ==
           REASON_CHAIN);
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"2.5.29.32", false, "3006300406022a03"}}}) ==
           REASON_NONE);
}

TEST("an extension that stands twice or can not be read is refused")
{
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"1.3.6.1.4.1.99999.1", false, "0500"},
                                               {"1.3.6.1.4.1.99999.1", false, "0500"}}}) ==
           REASON_CHAIN);
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"2.5.29.17", false, "0404"}}}) != REASON_NONE);
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"2.5.29.19", true, "30030101"}}}) != REASON_NONE);
}

TEST("a wildcard can not name a client")
{
    EXPECT(client_named("dns:*.test") == REASON_NAME_INVALID);
    EXPECT(client_named("dns:a.test dns:*.example.com") == REASON_NAME_INVALID);
}

TEST("malformed DNS names are refused on both sides")
{
    static const char *const bad[] = {
        "dns:",           "dns:under_score.test", "dns:gw.test.",  "dns:gw..test", "dns:.gw.test",
        "dns:10.0.0.1",   "dns:gw.test\\0.evil",  "dns:-gw.test",  "dns:gw-.test", "dns:1.2.3",
        "dns:gw.*.test",  "dns:g*.test",          "dns:*",         "dns:*.",       "dns:::1",
        "dns:gw.test:80", "dns:b\xc3\xbc.test",   "dns:*.10.0.0.1"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char with[128];

        snprintf(with, sizeof with, "dns:gw.test %s", bad[i]);
        EXPECT(client_named(bad[i]) != REASON_NONE);
        EXPECT(client_named(with) == REASON_NAME_INVALID);
        EXPECT(server_named(with, "gw.test") == REASON_NAME_INVALID);
    }
}

TEST("malformed email addresses, URIs and IP addresses are refused")
{
    static const char *const bad[] = {"email:a",
                                      "email:@b.test",
                                      "email:a@",
                                      "email:a@b_c.test",
                                      "email:a@b.test.",
                                      "email:a\\0@b.test",
                                      "email:a@@b.test",
                                      "email:a@10.0.0.1",
                                      "email:.a@b.test",
                                      "email:a..b@c.test",
                                      "uri:nothing",
                                      "uri:://x",
                                      "uri:http://x/\\0y",
                                      "uri:http://x/%2",
                                      "uri:1http://x/",
                                      "raw:abc",
                                      "raw:",
                                      "email:a@*.test"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(client_named(bad[i]) == REASON_NAME_INVALID);
}

TEST("a malformed SPIFFE ID is refused")
{
    static const char *const bad[] = {
        "uri:spiffe://partner.example/%63lient", "uri:spiffe://partner.example/a/../b",
        "uri:spiffe://partner.example/./a",      "uri:spiffe://partner.example//a",
        "uri:spiffe://partner.example/a/",       "uri:spiffe://partner.example/a?x",
        "uri:spiffe://partner.example/a#x",      "uri:spiffe://Partner.example/a",
        "uri:SPIFFE://partner.example/a",        "uri:spiffe://u@partner.example/a",
        "uri:spiffe://partner.example:80/a",     "uri:spiffe:///a",
        "uri:spiffe:partner.example/a",          "uri:spiffe://partner.example/*"};

    EXPECT(client_named("uri:spiffe://partner.example/Client_1") == REASON_NONE);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(client_named(bad[i]) == REASON_NAME_INVALID);
}

TEST("a SPIFFE ID must be the only URI, other URIs may be several")
{
    EXPECT(client_named("uri:spiffe://a.example/x uri:https://a.example/x") == REASON_NAME_INVALID);
    EXPECT(client_named("uri:https://a.example/x uri:spiffe://a.example/x") == REASON_NAME_INVALID);
    EXPECT(client_named("uri:spiffe://a.example/x uri:spiffe://a.example/y") ==
           REASON_NAME_INVALID);
    EXPECT(client_named("uri:https://a.example/x uri:https://a.example/y") == REASON_NONE);
}

TEST("an empty list of names is refused")
{
    EXPECT(client(&(struct pki_spec){.cn = "peer",
                                     .purpose = "clientAuth",
                                     .extra = {{"2.5.29.17", false, "3000"}}}) != REASON_NONE);
}

TEST("the common name is never a server's name")
{
    struct pki_cert root = pki_ca(NULL, "Root");

    EXPECT(leaf_under(&root, LEG_INNER,
                      &(struct pki_spec){.cn = "gw.test", .purpose = "serverAuth"}) ==
           REASON_NAME_MISMATCH);
    EXPECT(leaf_under(&root, LEG_INNER,
                      &(struct pki_spec){.cn = "gw.test",
                                         .sans = "dns:other.test",
                                         .purpose = "serverAuth"}) == REASON_NAME_MISMATCH);
}

TEST("a server's wildcard counts for one label, the leftmost, and not below a top level")
{
    EXPECT(server_named("dns:*.example.com", "gw.example.com") == REASON_NONE);
    EXPECT(server_named("dns:*.example.com", "GW.EXAMPLE.COM") == REASON_NONE);
    EXPECT(server_named("dns:*.example.com", "a.gw.example.com") == REASON_NAME_MISMATCH);
    EXPECT(server_named("dns:*.example.com", "example.com") == REASON_NAME_MISMATCH);
    EXPECT(server_named("dns:*.com", "example.com") == REASON_NAME_MISMATCH);
}

TEST("an IP address is matched with IP names only")
{
    EXPECT(server_named("ip:10.0.0.1", "10.0.0.1") == REASON_NONE);
    EXPECT(server_named("ip:2001:db8::1", "2001:db8:0::1") == REASON_NONE);
    EXPECT(server_named("ip:10.0.0.2", "10.0.0.1") == REASON_NAME_MISMATCH);
    EXPECT(server_named("ip:::ffff:10.0.0.1", "10.0.0.1") == REASON_NAME_MISMATCH);
    EXPECT(server_named("dns:10.0.0.1", "10.0.0.1") == REASON_NAME_INVALID);
    EXPECT(server_named("uri:https://gw.test/ email:gw@gw.test", "gw.test") ==
           REASON_NAME_MISMATCH);
}

TEST("a forward side that names no server matches nothing")
{
    EXPECT(server_named("dns:gw.test", "") == REASON_NAME_MISMATCH);
    EXPECT(server_named("dns:gw.test", "gw.test.") == REASON_NAME_MISMATCH);
}

static enum reason client_with_names(int n)
{
    char sans[4096];
    size_t used = 0;

    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(sans + used, sizeof sans - used, "%sdns:n%d.test", i ? " " : "",
                                 i);
    return client_named(sans);
}

TEST("a hundred names are looked at, one more is too much")
{
    EXPECT(client_with_names(100) == REASON_NONE);
    EXPECT(client_with_names(101) == REASON_CHAIN_LIMIT);
}

int main(void)
{
    return test_run();
}
