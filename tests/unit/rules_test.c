/* Peer rules: all conditions, any value, and nothing by accident. */
#include <errno.h>
#include <openssl/evp.h>
#include "handshake/rules.h"
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

#define COND(kind, ...)                                                                            \
    {                                                                                              \
        .match = (kind), .values = (const char *[]){__VA_ARGS__},                                  \
        .n_values = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)                         \
    }
#define RULE(...)                                                                                  \
    {                                                                                              \
        .conds = (struct policy_cond[]){__VA_ARGS__},                                              \
        .n_conds = sizeof((struct policy_cond[]){__VA_ARGS__}) / sizeof(struct policy_cond)        \
    }

struct peer {
    struct pki_cert root, leaf;
};

static struct peer peer(void)
{
    struct peer p = {.root = pki_ca(NULL, "Root")};

    p.leaf = pki_issue(
        &p.root,
        &(struct pki_spec){.cn = "client",
                           .org = "Partner AG",
                           .unit = "Payments",
                           .purpose = "clientAuth,serverAuth",
                           .serial = "0abc01",
                           .sans = "uri:spiffe://partner.example/eu/client "
                                   "dns:client.partner.example dns:gw.test "
                                   "email:ops@partner.example ip:10.1.2.3 ip:2001:db8::7"});
    return p;
}

/* The index of the rule that lets the peer in, or -ENOENT. */
static int match(const struct peer *p, const struct policy_rule *rules, uint16_t n)
{
    struct policy_tls tls = {
        .server_name = "", .rules = (struct policy_rule *)(uintptr_t)rules, .n_rules = n};
    struct verify_side side = {.tls = &tls, .side = LEG_OUTER};
    STACK_OF(X509) *path = pki_stack((X509 *[]){p->leaf.x, p->root.x}, 2);
    struct subject s;
    int found;

    EXPECT(subject_init(&s, &side, path) == 0);
    found = rules_match(&tls, &s);
    EXPECT(rules_match(&tls, &s) == found); /* what it remembers changes nothing */
    subject_clear(&s);
    sk_X509_pop_free(path, X509_free);
    return found;
}

static bool one(const struct peer *p, enum policy_match kind, const char *value)
{
    struct policy_rule rule = RULE(COND(kind, value));

    return match(p, &rule, 1) == 0;
}

static const char *hex_of(const uint8_t *bytes, char out[65])
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return out;
}

TEST("no rules let nobody in, and {\"any\"} everybody")
{
    struct peer p = peer();
    struct policy_rule any = {.any = true};

    EXPECT(match(&p, NULL, 0) == -ENOENT);
    EXPECT(match(&p, &any, 1) == 0);
}

TEST("a rule without conditions, a condition without values or an empty value lets nobody in")
{
    struct peer p = peer();
    struct policy_rule empty = {0},
                       hollow = {.conds = &(struct policy_cond){.match = MATCH_DNS}, .n_conds = 1};

    EXPECT(match(&p, &empty, 1) == -ENOENT);
    EXPECT(match(&p, &hollow, 1) == -ENOENT);
    for (int kind = 0; kind < MATCH_COUNT; kind++)
        EXPECT(!one(&p, (enum policy_match)kind, ""));
}

TEST("a condition of an unknown kind lets nobody in")
{
    struct peer p = peer();

    EXPECT(!one(&p, MATCH_COUNT, "x"));
    EXPECT(!one(&p, 255, "x"));
}

TEST("all conditions of a rule must hold, any value of each will do, the first rule is named")
{
    struct peer p = peer();
    struct policy_rule rules[] = {
        RULE(COND(MATCH_DNS, "client.partner.example"), COND(MATCH_ORGANIZATION, "Other")),
        RULE(COND(MATCH_DNS, "nobody.example", "client.partner.example"),
             COND(MATCH_ORGANIZATION, "Partner AG")),
        RULE(COND(MATCH_DNS, "*.partner.example")),
    };

    EXPECT(match(&p, rules, 1) == -ENOENT);
    EXPECT(match(&p, rules, 3) == 1);
    EXPECT(match(&p, rules + 2, 1) == 0);
}

TEST("URIs, DNS names and email addresses match each their own kind of name")
{
    struct peer p = peer();

    EXPECT(one(&p, MATCH_URI, "spiffe://partner.example/*/client"));
    EXPECT(one(&p, MATCH_URI, "spiffe://partner.example/**"));
    EXPECT(!one(&p, MATCH_URI, "client.partner.example"));
    EXPECT(one(&p, MATCH_DNS, "client.partner.example"));
    EXPECT(!one(&p, MATCH_DNS, "partner.example"));
    EXPECT(!one(&p, MATCH_DNS, "client")); /* the common name */
    EXPECT(one(&p, MATCH_EMAIL, "ops@partner.example"));
    EXPECT(!one(&p, MATCH_EMAIL, "OPS@partner.example"));
    EXPECT(!one(&p, MATCH_DNS, "10.1.2.3"));
}

TEST("addresses match networks of their own family")
{
    struct peer p = peer();

    EXPECT(one(&p, MATCH_IP, "10.1.2.3"));
    EXPECT(one(&p, MATCH_IP, "10.0.0.0/8"));
    EXPECT(one(&p, MATCH_IP, "2001:db8::/32"));
    EXPECT(one(&p, MATCH_IP, "0.0.0.0/0"));
    EXPECT(!one(&p, MATCH_IP, "10.2.0.0/16"));
    EXPECT(!one(&p, MATCH_IP, "2001:db9::/32"));
    EXPECT(!one(&p, MATCH_IP, "nonsense"));
}

TEST("organisation and unit match exactly")
{
    struct peer p = peer();

    EXPECT(one(&p, MATCH_ORGANIZATION, "Partner AG"));
    EXPECT(!one(&p, MATCH_ORGANIZATION, "partner ag"));
    EXPECT(!one(&p, MATCH_ORGANIZATION, "Partner"));
    EXPECT(!one(&p, MATCH_ORGANIZATION, "*"));
    EXPECT(one(&p, MATCH_ORGANIZATIONAL_UNIT, "Payments"));
    EXPECT(!one(&p, MATCH_ORGANIZATIONAL_UNIT, "Partner AG"));
}

TEST("pins match the certificate, its key and its issuer's certificate, lower-case")
{
    struct peer p = peer();
    uint8_t md[32], *der = NULL;
    char hex[65];
    unsigned n = 32;
    int len;

    X509_digest(p.leaf.x, EVP_sha256(), md, &n);
    EXPECT(one(&p, MATCH_CERT_SHA256, hex_of(md, hex)));
    EXPECT(!one(&p, MATCH_ISSUER_SHA256, hex) && !one(&p, MATCH_SPKI_SHA256, hex));
    hex[63] = hex[63] == '0' ? '1' : '0';
    EXPECT(!one(&p, MATCH_CERT_SHA256, hex));
    hex[62] = '\0';
    EXPECT(!one(&p, MATCH_CERT_SHA256, hex));
    X509_digest(p.root.x, EVP_sha256(), md, &n);
    EXPECT(one(&p, MATCH_ISSUER_SHA256, hex_of(md, hex)));
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(p.leaf.x), &der);
    EVP_Digest(der, (size_t)len, md, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
    EXPECT(one(&p, MATCH_SPKI_SHA256, hex_of(md, hex)));
}

TEST("a serial matches in hex, leading zeros or not")
{
    struct peer p = peer();

    EXPECT(one(&p, MATCH_SERIAL, "0abc01"));
    EXPECT(one(&p, MATCH_SERIAL, "abc01"));
    EXPECT(one(&p, MATCH_SERIAL, "00000abc01"));
    EXPECT(!one(&p, MATCH_SERIAL, "abc010"));
    EXPECT(!one(&p, MATCH_SERIAL, "ABC01"));
    EXPECT(!one(&p, MATCH_SERIAL, "0"));
}

TEST("rules are asked on both sides, and narrow what the server name allows")
{
    struct peer p = peer();
    struct policy_rule other = RULE(COND(MATCH_DNS, "other.test"));
    struct policy_rule good = RULE(COND(MATCH_DNS, "client.partner.example"));
    struct pki_case c = {
        .anchors = {p.root.x}, .chain = {p.leaf.x}, .no_revocation = true, .n_rules = 1};

    for (int side = 0; side < 2; side++) {
        c.side = side ? LEG_INNER : LEG_OUTER;
        c.rules = &other;
        EXPECT(pki_refusal(&c) == REASON_NO_RULE);
        c.rules = &good;
        EXPECT(pki_allows(&c));
    }
    c.server_name = "elsewhere.test";
    EXPECT(pki_refusal(&c) == REASON_NAME_MISMATCH);
    c.no_rules = true;
    c.rules = NULL;
    c.n_rules = 0;
    c.server_name = "gw.test";
    EXPECT(pki_refusal(&c) == REASON_NO_RULE);
}

TEST("the issuer of a pin is the one in the verified path, not one that was sent along")
{
    struct pki_cert root = pki_ca(NULL, "Root"), evil = pki_ca(NULL, "Root"),
                    leaf = pki_leaf(&root, LEG_OUTER, NULL);
    struct pki_case c = {
        .anchors = {root.x}, .chain = {leaf.x, evil.x}, .no_revocation = true, .n_rules = 1};
    uint8_t md[32];
    unsigned n = 32;
    char hex[65];
    struct policy_rule pin = RULE(COND(MATCH_ISSUER_SHA256, hex));

    c.rules = &pin;
    X509_digest(evil.x, EVP_sha256(), md, &n);
    hex_of(md, hex);
    EXPECT(pki_refusal(&c) == REASON_NO_RULE);
    X509_digest(root.x, EVP_sha256(), md, &n);
    hex_of(md, hex);
    EXPECT(pki_allows(&c));
}

TEST("where a server's wildcard stands for its name, a rule may ask for that name")
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_leaf(&root, LEG_INNER, "dns:*.a.test");
    struct policy_rule name = RULE(COND(MATCH_DNS, "gw.a.test")),
                       other = RULE(COND(MATCH_DNS, "db.a.test"));
    struct pki_case c = {.anchors = {root.x},
                         .chain = {leaf.x},
                         .side = LEG_INNER,
                         .server_name = "gw.a.test",
                         .no_revocation = true,
                         .rules = &name,
                         .n_rules = 1};

    EXPECT(pki_allows(&c));
    c.rules = &other;
    EXPECT(pki_refusal(&c) == REASON_NO_RULE);
}

int main(void)
{
    return test_run();
}
