/* Which path is found among what is presented: lengths, self-issued, cross-signed, loops, twins. */
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

static const struct pki_spec client = {.cn = "peer", .purpose = "clientAuth", .sans = "dns:a.test"};

static X509 *peer_of(const struct pki_cert *ca)
{
    return pki_issue(ca, &client).x;
}

static struct pki_cert ca_of(const struct pki_cert *issuer, const char *cn, int pathlen)
{
    return pki_issue(issuer, &(struct pki_spec){.cn = cn, .ca = true, .pathlen = pathlen + 1});
}

/* Another certificate of the same name and key, by another issuer. */
static struct pki_cert cross(const struct pki_cert *issuer, const struct pki_cert *of,
                             const char *cn)
{
    return pki_issue(issuer, &(struct pki_spec){.cn = cn, .ca = true, .same_key = of->key});
}

static enum reason ask(X509 *anchor, X509 *a, X509 *b, X509 *c, X509 *d)
{
    struct pki_case q = {.anchors = {anchor}, .chain = {a, b, c, d}, .no_revocation = true};

    return pki_refusal(&q);
}

TEST("a path length limits the intermediates below, not the leaf")
{
    struct pki_cert root = pki_ca(NULL, "Root");

    for (int n = 0; n < 3; n++) {
        struct pki_cert ca = ca_of(&root, "CA", n);

        EXPECT(ask(root.x, peer_of(&ca), ca.x, NULL, NULL) == REASON_NONE);
    }
}

TEST("a path length of an intermediate that is not kept is refused, one that widens is no matter")
{
    static const struct {
        int first, second, third; /* -1: none; third -2: there is no third */
        enum reason reason;
    } cases[] = {{0, 0, -2, REASON_CHAIN}, {1, 2, -2, REASON_NONE},   {1, 0, 0, REASON_CHAIN},
                 {2, 1, 0, REASON_NONE},   {1, -1, -1, REASON_CHAIN}, {-1, 0, -1, REASON_CHAIN}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pki_cert root = pki_ca(NULL, "Root"), a = ca_of(&root, "A", cases[i].first),
                        b = ca_of(&a, "B", cases[i].second),
                        c = cases[i].third == -2 ? b : ca_of(&b, "C", cases[i].third);

        EXPECT(ask(root.x, peer_of(&c), c.x, b.x, a.x) == cases[i].reason);
    }
}

TEST("a self-issued intermediate does not count in a path length")
{
    struct pki_cert root = pki_ca(NULL, "Root"), a = ca_of(&root, "A", 1),
                    again = ca_of(&a, "A", 1), b = ca_of(&again, "B", 0),
                    low = ca_of(&root, "A", 0), low_again = ca_of(&low, "A", 0),
                    other = ca_of(&low_again, "C", -1);

    EXPECT(ask(root.x, peer_of(&b), b.x, again.x, a.x) == REASON_NONE);
    EXPECT(ask(root.x, peer_of(&low_again), low_again.x, low.x, NULL) == REASON_NONE);
    EXPECT(ask(root.x, peer_of(&other), other.x, low_again.x, low.x) == REASON_CHAIN);
}

TEST("an intermediate given as a leaf stands for nobody, whatever it names")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_spec ca = {.cn = "CA", .ca = true, .sans = "dns:a.test", .purpose = "clientAuth"};

    EXPECT(ask(root.x, pki_issue(&root, &ca).x, NULL, NULL, NULL) == REASON_LEAF_IS_CA);
    EXPECT(ask(root.x, root.x, NULL, NULL, NULL) == REASON_LEAF_IS_CA);
}

TEST("issuer and subject are compared as RFC 5280 7.1 says, and by all of their parts")
{
    struct pki_spec spaced = {.cn = "The  CA ", .org = "org", .ca = true};
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_issue(&root, &spaced);
    struct pki_cert folded = {
        pki_issue(&root,
                  &(struct pki_spec){.cn = "the ca", .org = "ORG", .ca = true, .same_key = ca.key})
            .x,
        ca.key};
    struct pki_cert longer = {
        pki_issue(&root,
                  &(struct pki_spec){
                      .cn = "The CA", .org = "org", .unit = "unit", .ca = true, .same_key = ca.key})
            .x,
        ca.key};

    EXPECT(ask(root.x, peer_of(&folded), ca.x, NULL, NULL) == REASON_NONE);
    EXPECT(ask(root.x, peer_of(&longer), ca.x, NULL, NULL) == REASON_UNKNOWN_CA);
}

TEST("two CAs that vouch for each other, or one for itself by two keys, lead to no anchor")
{
    struct pki_cert root = pki_ca(NULL, "Root"), seed = pki_ca(NULL, "B"), a = pki_ca(&seed, "A"),
                    b = cross(&a, &seed, "B");
    struct pki_cert one = pki_ca(NULL, "Same"), two = pki_ca(&one, "Same"),
                    one_by_two = cross(&two, &one, "Same");

    EXPECT(ask(root.x, peer_of(&a), a.x, b.x, NULL) == REASON_UNKNOWN_CA);
    EXPECT(ask(root.x, peer_of(&two), two.x, one_by_two.x, NULL) == REASON_UNKNOWN_CA);
}

TEST("a tangle of cross-signatures ends at the anchor that is in it (CVE-2024-0567)")
{
    struct pki_cert a = pki_ca(NULL, "A"), b = pki_ca(NULL, "B"), c = pki_ca(NULL, "C"),
                    a1 = pki_ca(&a, "A1");
    struct pki_case q = {.anchors = {a.x}, .no_revocation = true};

    q.chain[0] = peer_of(&a1);
    q.chain[1] = a1.x;
    q.chain[2] = cross(&b, &a, "A").x;
    q.chain[3] = cross(&c, &a, "A").x;
    q.chain[4] = cross(&a, &b, "B").x;
    q.chain[5] = cross(&c, &b, "B").x;
    q.chain[6] = cross(&a, &c, "C").x;
    q.chain[7] = cross(&b, &c, "C").x;
    EXPECT(pki_refusal(&q) == REASON_NONE);
}

TEST("an expired cross-certificate of a trusted root is passed by")
{
    struct pki_cert root = pki_ca(NULL, "Root"), other = pki_ca(NULL, "Other");
    struct pki_cert old = pki_issue(
        &other, &(struct pki_spec){
                    .cn = "Root", .ca = true, .same_key = root.key, .to = PKI_NOW - PKI_DAY});
    struct pki_case q = {.anchors = {root.x, other.x}, .no_revocation = true};

    q.chain[0] = peer_of(&root);
    q.chain[1] = old.x;
    EXPECT(pki_allows(&q));
}

/* CAs of one name and key by two roots, of which the first is not trusted or forbids it. */
TEST("of two certificates of one CA the one that leads to an anchor is found")
{
    struct pki_cert lost = pki_ca(NULL, "Lost"), root = pki_ca(NULL, "Root");
    static const int64_t longer[2][2] = {{0, PKI_NOW + 200 * PKI_DAY},
                                         {PKI_NOW + 200 * PKI_DAY, 0}};

    for (int i = 0; i < 2; i++) {
        struct pki_spec ca = {.cn = "CA", .ca = true, .to = longer[i][0]};
        struct pki_cert dead = pki_issue(&lost, &ca), live;

        ca.same_key = dead.key;
        ca.to = longer[i][1];
        live = pki_issue(&root, &ca);
        EXPECT(ask(root.x, peer_of(&dead), dead.x, live.x, NULL) == REASON_NONE);
        EXPECT(ask(root.x, peer_of(&dead), live.x, dead.x, NULL) == REASON_NONE);
    }
}

TEST("one detour is taken and no more: a stranger can not have us try each")
{
    struct pki_cert lost = pki_ca(NULL, "Lost"), root = pki_ca(NULL, "Root");
    struct pki_spec ca = {.cn = "CA", .ca = true, .to = PKI_NOW + 300 * PKI_DAY};
    struct pki_cert dead = pki_issue(&lost, &ca), dead_too, live;

    ca.same_key = dead.key;
    ca.to = PKI_NOW + 200 * PKI_DAY;
    dead_too = pki_issue(&lost, &ca);
    ca.to = 0; /* tried last */
    live = pki_issue(&root, &ca);
    EXPECT(ask(root.x, peer_of(&dead), dead.x, live.x, NULL) == REASON_NONE);
    EXPECT(ask(root.x, peer_of(&dead), dead.x, dead_too.x, live.x) == REASON_UNKNOWN_CA);
}

TEST("of two certificates of one CA the one whose issuer permits it is found")
{
    struct pki_cert root = pki_ca(NULL, "Root"), free_root = pki_ca(NULL, "Free");
    struct pki_spec strict = {
        .cn = "Strict", .ca = true, .constraints = "critical,excluded;DNS:no.test"};
    struct pki_cert a = pki_issue(&root, &strict);
    static const int64_t longer[2][2] = {{0, PKI_NOW + 200 * PKI_DAY},
                                         {PKI_NOW + 200 * PKI_DAY, 0}};

    for (int i = 0; i < 2; i++) {
        struct pki_spec ca = {.cn = "CA", .ca = true, .sans = "dns:no.test", .to = longer[i][0]};
        struct pki_cert bad = pki_issue(&a, &ca), good;
        struct pki_case q = {.anchors = {root.x, free_root.x}, .no_revocation = true};

        ca.same_key = bad.key;
        ca.sans = NULL;
        ca.to = longer[i][1];
        good = pki_issue(&free_root, &ca);
        q.chain[0] = peer_of(&bad);
        q.chain[1] = bad.x;
        q.chain[2] = a.x;
        q.chain[3] = good.x;
        EXPECT(pki_refusal(&q) == REASON_NONE);
    }
}

TEST("an intermediate that is trusted without its root is no anchor")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA");
    struct pki_case q = {.anchors = {ca.x}, .chain = {peer_of(&ca), root.x}};
    struct err e;

    EXPECT(!pki_trust(&q, &e) && strstr(e.what, "can not be an anchor"));
}

TEST("an issuer whose key can not be read is refused")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA");
    X509 *broken = pki_edit(&root, ca.x, FIELD_KEY, "3012300d06092a864886f70d0101010500030100");

    EXPECT(ask(root.x, peer_of(&ca), broken, NULL, NULL) == REASON_KEY_TYPE);
}

int main(void)
{
    return test_run();
}
