/* The signatures above a leaf are computed once: does that ever let anything pass? */
#include "handshake/parts.h"
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

struct bench {
    struct pki_cert root, ca, leaf;
    struct pki_case c;
    struct policy_rule any;
    struct policy_tls tls;
    struct verify_side side;
    struct trust *trust;
};

static const struct pki_spec client = {.cn = "peer", .purpose = "clientAuth", .sans = "dns:a.test"};

static void bench_init(struct bench *b)
{
    struct err e;

    memset(b, 0, sizeof *b);
    b->root = pki_ca(NULL, "Root");
    b->ca = pki_ca(&b->root, "CA");
    b->leaf = pki_issue(&b->ca, &client);
    b->c.anchors[0] = b->root.x;
    b->c.no_revocation = true;
    b->any.any = true;
    b->tls = (struct policy_tls){.server_name = "", .rules = &b->any, .n_rules = 1};
    b->trust = pki_trust(&b->c, &e);
    b->side = (struct verify_side){.trust = b->trust, .tls = &b->tls, .side = LEG_OUTER};
}

static void bench_clear(struct bench *b)
{
    trust_free(b->trust);
}

static enum reason ask(struct bench *b, X509 *leaf, X509 *ca)
{
    STACK_OF(X509) *chain = pki_stack((X509 *[]){leaf, ca}, 2);
    struct verdict v;

    verify(&b->side, chain, PKI_NOW, &v, NULL);
    sk_X509_pop_free(chain, X509_free);
    return v.allow ? REASON_NONE : v.reasons[0].reason;
}

/* Is it known that the bench's CA was issued by its root? */
static bool known(const struct bench *b)
{
    STACK_OF(X509) *pair = pki_stack((X509 *[]){b->ca.x, b->root.x}, 2);
    uint8_t digest[32];
    bool found = !chain_digest(pair, "issued by", 9, digest) &&
                 path_cache_has_pair(b->trust->cache, digest);

    sk_X509_pop_free(pair, X509_free);
    return found;
}

TEST("an issuer is known after the first good path, and another of its peers is allowed")
{
    struct pki_cert other;
    struct bench b;

    bench_init(&b);
    other = pki_issue(&b.ca, &client);
    EXPECT(!known(&b) && ask(&b, b.leaf.x, b.ca.x) == REASON_NONE && known(&b));
    EXPECT(ask(&b, other.x, b.ca.x) == REASON_NONE);
    bench_clear(&b);
}

TEST("below a known issuer a leaf's own signature still counts")
{
    struct pki_cert twin, forged, wrong;
    struct bench b;

    bench_init(&b);
    twin = pki_ca(&b.root, "CA"); /* same name, another key */
    forged = (struct pki_cert){b.ca.x, twin.key};
    wrong = pki_issue(&forged, &client); /* names the CA and its key, signed by another */
    EXPECT(ask(&b, b.leaf.x, b.ca.x) == REASON_NONE && known(&b));
    EXPECT(ask(&b, pki_spoil(b.leaf.x), b.ca.x) == REASON_SIGNATURE);
    EXPECT(ask(&b, wrong.x, b.ca.x) == REASON_SIGNATURE);
    EXPECT(ask(&b, b.leaf.x, NULL) == REASON_UNKNOWN_CA);
    bench_clear(&b);
}

TEST("a changed certificate of a known issuer is not the known one")
{
    struct pki_cert again, other, leaf;
    struct bench b;

    bench_init(&b);
    EXPECT(ask(&b, b.leaf.x, b.ca.x) == REASON_NONE && known(&b));
    EXPECT(ask(&b, b.leaf.x, pki_spoil(b.ca.x)) == REASON_SIGNATURE);
    other = pki_ca(NULL, "Root");
    again = pki_issue(&other, &(struct pki_spec){.cn = "CA", .ca = true, .same_key = b.ca.key});
    leaf = pki_issue(&again, &client);
    EXPECT(ask(&b, leaf.x, again.x) != REASON_NONE); /* the same key, by another root */
    bench_clear(&b);
}

TEST("what else of a path is refused is refused below a known issuer too")
{
    struct pki_cert no_purpose, ca, below;
    struct bench b;

    bench_init(&b);
    EXPECT(ask(&b, b.leaf.x, b.ca.x) == REASON_NONE && known(&b));
    no_purpose = pki_issue(&b.ca, &(struct pki_spec){.cn = "peer", .sans = "dns:a.test"});
    ca = pki_ca(&b.ca, "leaf that is a CA");
    below = pki_issue(&b.leaf, &client); /* by what is no CA */
    EXPECT(ask(&b, no_purpose.x, b.ca.x) == REASON_EKU);
    EXPECT(ask(&b, ca.x, b.ca.x) == REASON_LEAF_IS_CA);
    EXPECT(ask(&b, below.x, b.leaf.x) != REASON_NONE);
    bench_clear(&b);
}

TEST("a path that is refused teaches nothing")
{
    struct bench b;

    bench_init(&b);
    EXPECT(ask(&b, pki_spoil(b.leaf.x), b.ca.x) == REASON_SIGNATURE && !known(&b));
    b.side.side = LEG_INNER; /* for which it has not the purpose */
    b.tls.server_name = "a.test";
    EXPECT(ask(&b, b.leaf.x, b.ca.x) == REASON_EKU && !known(&b));
    bench_clear(&b);
}

TEST("a known issuer whose anchor is gone is no issuer")
{
    struct pki_cert other = pki_ca(NULL, "Other");
    struct pki_case c = {.anchors = {other.x}, .no_revocation = true};
    struct trust *fresh;
    struct bench b;
    struct err e;

    bench_init(&b);
    EXPECT(ask(&b, b.leaf.x, b.ca.x) == REASON_NONE && known(&b));
    fresh = pki_trust(&c, &e);
    trust_inherit(fresh, b.trust);
    trust_free(b.trust);
    b.side.trust = b.trust = fresh;
    EXPECT(!known(&b) && ask(&b, b.leaf.x, b.ca.x) == REASON_UNKNOWN_CA);
    bench_clear(&b);
}

TEST("128 pairs are known at most, and the oldest makes room")
{
    struct path_cache *c = path_cache_new();
    uint8_t d[32] = {0};

    for (unsigned i = 0; i < PATH_CACHE_PAIRS + 3; i++) {
        d[31] = (uint8_t)i;
        path_cache_add_pair(c, d);
        path_cache_add_pair(c, d); /* once */
        EXPECT(path_cache_has_pair(c, d));
    }
    for (unsigned i = 0; i < PATH_CACHE_PAIRS + 3; i++) {
        d[31] = (uint8_t)i;
        EXPECT(path_cache_has_pair(c, d) == (i >= 3));
    }
    path_cache_put(c);
}

int main(void)
{
    return test_run();
}
