/* Paths: anchors, issuers, loops, limits, and what they may issue. */
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

static enum reason path_of(X509 *anchor, X509 *leaf, X509 *second, X509 *third)
{
    struct pki_case c = {
        .anchors = {anchor}, .chain = {leaf, second, third}, .no_revocation = true};

    return pki_refusal(&c);
}

/* A client under an intermediate made by spec, with everything presented. */
static enum reason under(const struct pki_spec *intermediate, const struct pki_spec *leaf)
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_issue(&root, intermediate);
    struct pki_cert peer = pki_issue(&ca, leaf);

    return path_of(root.x, peer.x, ca.x, NULL);
}

static const struct pki_spec client = {.cn = "peer", .purpose = "clientAuth", .sans = "dns:a.test"};

static bool trust_taken(X509 *a, X509 *b, const char **why)
{
    static struct err e;
    struct pki_case c = {.anchors = {a, b}};
    struct trust *t = pki_trust(&c, &e);

    *why = e.what;
    trust_free(t);
    return t != NULL;
}

TEST("a chain through an intermediate is allowed, with or without its root")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA"),
                    leaf = pki_issue(&ca, &client);

    EXPECT(path_of(root.x, leaf.x, ca.x, NULL) == REASON_NONE);
    EXPECT(path_of(root.x, leaf.x, ca.x, root.x) == REASON_NONE);
    EXPECT(path_of(root.x, leaf.x, root.x, ca.x) == REASON_NONE);
}

TEST("a missing intermediate, an unknown root and a self-signed leaf are an unknown CA")
{
    struct pki_cert root = pki_ca(NULL, "Root"), other = pki_ca(NULL, "Other"),
                    ca = pki_ca(&root, "CA"), leaf = pki_issue(&ca, &client),
                    self = pki_issue(NULL, &client);

    EXPECT(path_of(root.x, leaf.x, NULL, NULL) == REASON_UNKNOWN_CA);
    EXPECT(path_of(other.x, leaf.x, ca.x, root.x) == REASON_UNKNOWN_CA);
    EXPECT(path_of(root.x, self.x, NULL, NULL) == REASON_UNKNOWN_CA);
}

TEST("a root of the same name with another key is not the anchor")
{
    struct pki_cert root = pki_ca(NULL, "Root"), twin = pki_ca(NULL, "Root"),
                    leaf = pki_issue(&twin, &client);

    EXPECT(path_of(root.x, leaf.x, twin.x, NULL) == REASON_UNKNOWN_CA);
}

TEST("a leaf that claims the anchor's name and key identifier fails by its signature")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_cert forger = {root.x, pki_new_key(KEY_P256)};
    struct pki_cert leaf = pki_issue(&forger, &client);

    EXPECT(path_of(root.x, leaf.x, NULL, NULL) == REASON_SIGNATURE);
}

TEST("a wrong signature is refused on the leaf and on the intermediate")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA"),
                    leaf = pki_issue(&ca, &client);

    EXPECT(path_of(root.x, pki_spoil(leaf.x), ca.x, NULL) == REASON_SIGNATURE);
    EXPECT(path_of(root.x, leaf.x, pki_spoil(ca.x), NULL) == REASON_SIGNATURE);
}

TEST("nothing is issued by a certificate that is no CA")
{
    EXPECT(under(&(struct pki_spec){.cn = "Not a CA"}, &client) != REASON_NONE);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .usage = "cRLSign"}, &client) !=
           REASON_NONE);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .version = 1}, &client) != REASON_NONE);
}

TEST("what RFC 5280 asks of a CA's certificates is asked: critical constraints, key identifiers")
{
    struct pki_spec bare = client;

    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .plain_constraints = true}, &client) ==
           REASON_CHAIN);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .no_ski = true}, &client) ==
           REASON_CHAIN);
    bare.no_aki = true;
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true}, &bare) == REASON_CHAIN);
}

TEST("an intermediate with an RSA key of 1024 bits or a SHA-1 signature is refused")
{
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .key = KEY_RSA1024}, &client) ==
           REASON_KEY_TYPE);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .digest = "SHA1"}, &client) ==
           REASON_KEY_TYPE);
}

TEST("an intermediate for other purposes issues no clients")
{
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .purpose = "serverAuth"}, &client) ==
           REASON_EKU);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .purpose = "clientAuth"}, &client) ==
           REASON_NONE);
}

TEST("a path length is kept")
{
    struct pki_cert root = pki_issue(NULL, &(struct pki_spec){.cn = "R", .ca = true, .pathlen = 1});
    struct pki_cert ca = pki_ca(&root, "CA"), leaf = pki_issue(&ca, &client),
                    direct = pki_issue(&root, &client);

    EXPECT(path_of(root.x, direct.x, NULL, NULL) == REASON_NONE);
    EXPECT(path_of(root.x, leaf.x, ca.x, NULL) != REASON_NONE);
}

TEST("name constraints of an issuer hold")
{
    struct pki_spec ca = {.cn = "CA", .ca = true, .constraints = "critical,permitted;DNS:test"};
    struct pki_spec other = {.cn = "peer", .purpose = "clientAuth", .sans = "dns:a.example"};

    EXPECT(under(&ca, &client) == REASON_NONE);
    EXPECT(under(&ca, &other) == REASON_CHAIN);
}

TEST("a wildcard does not reach a name that its issuer may not give")
{
    struct pki_cert root = pki_issue(
        NULL, &(struct pki_spec){.cn = "Root",
                                 .ca = true,
                                 .constraints = "critical,excluded;DNS:secret.example.com"});
    struct pki_cert leaf = pki_leaf(&root, LEG_INNER, "dns:*.example.com");
    struct pki_case c = {.anchors = {root.x},
                         .chain = {leaf.x},
                         .side = LEG_INNER,
                         .server_name = "secret.example.com",
                         .no_revocation = true};

    EXPECT(pki_refusal(&c) == REASON_CHAIN);
    c.server_name = "open.example.com";
    EXPECT(pki_refusal(&c) == REASON_NONE);
}

TEST("critical policy constraints of an issuer are refused")
{
    EXPECT(under(&(struct pki_spec){.cn = "CA",
                                    .ca = true,
                                    .extra = {{"2.5.29.36", true, "3003800100"}}},
                 &client) == REASON_CHAIN);
}

TEST("an intermediate with a serial of zero is refused")
{
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .serial = "00"}, &client) ==
           REASON_NAME_INVALID);
}

TEST("cross-signed loops end without a path")
{
    EVP_PKEY *a_key = pki_new_key(KEY_P256), *b_key = pki_new_key(KEY_P256);
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_cert a0 = pki_issue(NULL,
                                   &(struct pki_spec){.cn = "A", .ca = true, .same_key = a_key});
    struct pki_cert b = pki_issue(&a0,
                                  &(struct pki_spec){.cn = "B", .ca = true, .same_key = b_key});
    struct pki_cert a = pki_issue(&b, &(struct pki_spec){.cn = "A", .ca = true, .same_key = a_key});
    struct pki_cert leaf = pki_issue(&a, &client);

    EXPECT(path_of(root.x, leaf.x, a.x, b.x) != REASON_NONE);
    EXPECT(path_of(a0.x, leaf.x, a.x, b.x) == REASON_NONE);
}

TEST("many intermediates that would all do cost no more than the limit")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA");
    struct pki_case c = {.anchors = {root.x}, .no_revocation = true};

    c.chain[0] = pki_issue(&ca, &client).x;
    for (int i = 1; i < 7; i++) /* same name and key, each from a forger */
        c.chain[i] = pki_spoil(
            pki_issue(&root, &(struct pki_spec){.cn = "CA", .ca = true, .same_key = ca.key}).x);
    c.chain[7] = ca.x;
    EXPECT(pki_verify(&c).n_reasons <= 1); /* it ends, one way or the other */
    c.chain[8] = ca.x;
    EXPECT(pki_refusal(&c) == REASON_CHAIN_LIMIT);
}

TEST("a depth of four is allowed, five is not")
{
    struct pki_cert ca[5] = {pki_ca(NULL, "Root")};
    struct pki_case c = {.anchors = {ca[0].x}, .no_revocation = true};

    for (int i = 1; i < 5; i++) {
        char cn[16];

        snprintf(cn, sizeof cn, "CA %d", i);
        ca[i] = pki_ca(&ca[i - 1], cn);
    }
    for (int i = 0; i < 3; i++)
        c.chain[i + 1] = ca[3 - i].x;
    c.chain[0] = pki_issue(&ca[3], &client).x;
    EXPECT(pki_refusal(&c) == REASON_NONE);
    for (int i = 0; i < 4; i++)
        c.chain[i + 1] = ca[4 - i].x;
    c.chain[0] = pki_issue(&ca[4], &client).x;
    EXPECT(pki_refusal(&c) == REASON_CHAIN_LIMIT);
}

TEST("a chain of more than 32 KiB is refused")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_case c = {.anchors = {root.x}, .no_revocation = true};

    c.chain[0] = pki_issue(&root, &client).x;
    for (int i = 1; i < 8; i++) {
        struct pki_spec fat = {.cn = "fat", .ca = true, .key = KEY_RSA4096};
        static char sans[5100];
        size_t used = 0;

        for (int k = 0; used < 5000; k++)
            used += (size_t)snprintf(sans + used, sizeof sans - used, "%sdns:n%d.very-long.test",
                                     k ? " " : "", k);
        fat.sans = sans;
        c.chain[i] = pki_issue(&root, &fat).x;
        if (i == 2)
            EXPECT(pki_refusal(&c) == REASON_NONE);
    }
    EXPECT(pki_refusal(&c) == REASON_CHAIN_LIMIT);
}

TEST("expired and not yet valid: leaf, intermediate, root")
{
    static const struct {
        int64_t from, to;
        enum reason reason;
    } times[] = {{PKI_NOW - 9 * PKI_DAY, PKI_NOW - 1, REASON_EXPIRED},
                 {PKI_NOW + 1, PKI_NOW + 9 * PKI_DAY, REASON_NOT_YET_VALID},
                 {PKI_NOW - 1, PKI_NOW, REASON_NONE},
                 {PKI_NOW, PKI_NOW + 1, REASON_NONE}};

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        for (int at = 0; at < 3; at++) {
            int64_t from[3] = {0}, to[3] = {0};
            struct pki_cert root, ca, leaf;

            from[at] = times[i].from;
            to[at] = times[i].to;
            root = pki_issue(
                NULL, &(struct pki_spec){.cn = "R", .ca = true, .from = from[0], .to = to[0]});
            ca = pki_issue(&root,
                           &(struct pki_spec){.cn = "C", .ca = true, .from = from[1], .to = to[1]});
            leaf = pki_issue(&ca,
                             &(struct pki_spec){
                                 .cn = "L", .purpose = "clientAuth", .from = from[2], .to = to[2]});
            EXPECT(path_of(root.x, leaf.x, ca.x, NULL) == times[i].reason);
        }
}

TEST("the clock set back finds a certificate not yet valid")
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_issue(&root, &client);
    struct pki_case c = {.anchors = {root.x},
                         .chain = {leaf.x},
                         .no_revocation = true,
                         .now = PKI_NOW - 30 * PKI_DAY};

    EXPECT(pki_refusal(&c) == REASON_NOT_YET_VALID);
}

TEST("a renewed root or intermediate of the same key takes over from the expired one")
{
    EVP_PKEY *key = pki_new_key(KEY_P256);
    struct pki_spec ca = {.cn = "CA", .ca = true, .same_key = key},
                    old = {.cn = "CA", .ca = true, .same_key = key, .to = PKI_NOW - 1},
                    soon = {.cn = "CA",
                            .ca = true,
                            .same_key = key,
                            .from = PKI_NOW + 1,
                            .to = PKI_NOW + 900 * PKI_DAY};
    struct pki_cert root = pki_issue(NULL, &ca), expired = pki_issue(NULL, &old),
                    future = pki_issue(NULL, &soon), leaf = pki_issue(&root, &client);
    struct pki_cert top = pki_ca(NULL, "Top"), mid = pki_issue(&top, &ca),
                    mid_old = pki_issue(&top, &old), mid_soon = pki_issue(&top, &soon);
    struct pki_case roots = {
        .anchors = {expired.x, future.x, root.x}, .chain = {leaf.x}, .no_revocation = true};
    struct pki_case mids = {
        .anchors = {top.x}, .chain = {leaf.x, mid_old.x, mid_soon.x, mid.x}, .no_revocation = true};

    EXPECT(pki_allows(&roots));
    EXPECT(pki_allows(&mids));
    EXPECT(pki_verify(&mids).until == PKI_NOW + 100 * PKI_DAY);
    mids.chain[3] = NULL;
    EXPECT(pki_refusal(&mids) == REASON_NOT_YET_VALID);
}

TEST("an anchor must be a CA, readable, complete, self-signed in the end and of a listed key")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA"),
                    leaf = pki_issue(NULL, &client),
                    v1 = pki_issue(NULL, &(struct pki_spec){.cn = "V1", .version = 1}),
                    bare = pki_issue(NULL,
                                     &(struct pki_spec){.cn = "B", .ca = true, .no_ski = true}),
                    weak = pki_issue(NULL,
                                     &(struct pki_spec){.cn = "W", .ca = true, .key = KEY_RSA1024});
    const char *why;

    EXPECT(trust_taken(root.x, NULL, &why));
    EXPECT(trust_taken(root.x, root.x, &why));
    EXPECT(trust_taken(root.x, ca.x, &why));
    EXPECT(!trust_taken(ca.x, NULL, &why) && strstr(why, "\"CA\""));
    EXPECT(!trust_taken(leaf.x, NULL, &why) && strstr(why, "not a certificate authority"));
    EXPECT(!trust_taken(v1.x, NULL, &why));
    EXPECT(!trust_taken(bare.x, NULL, &why) && strstr(why, "subject key identifier"));
    EXPECT(!trust_taken(weak.x, NULL, &why) && strstr(why, "RSA1024"));
}

TEST("an intermediate among the anchors does not end a path by itself")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA"),
                    leaf = pki_issue(&ca, &client);
    struct pki_case c = {.anchors = {root.x, ca.x}, .chain = {leaf.x}, .no_revocation = true};

    EXPECT(pki_allows(&c));
    c.no_revocation = false; /* then the intermediate needs a CRL too: it lies below the root */
    c.crls[0] = pki_crl(&ca, &(struct pki_crl_spec){0});
    EXPECT(pki_refusal(&c) == REASON_CRL_MISSING);
}

TEST("a trust without anchors is built and denies all")
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_issue(&root, &client);
    struct pki_case c = {.chain = {leaf.x, root.x}, .no_revocation = true};

    EXPECT(pki_refusal(&c) == REASON_UNKNOWN_CA);
}

int main(void)
{
    return test_run();
}
