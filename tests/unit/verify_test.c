/* verify as a whole: two parts, one allow, and caches that change nothing. */
#include "handshake/pathcache.h"
#include "handshake/trust.h"
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

struct bench {
    struct pki_case c;
    struct pki_cert root, leaf;
    struct policy_rule any;
    struct policy_tls tls;
    struct verify_side side;
    STACK_OF(X509) * chain;
    struct trust *trust;
};

static void bench_init(struct bench *b)
{
    struct err e;

    memset(b, 0, sizeof *b);
    b->root = pki_ca(NULL, "Root");
    b->leaf = pki_leaf(&b->root, LEG_OUTER, "dns:gw.test");
    b->c.anchors[0] = b->root.x;
    b->c.no_revocation = true;
    b->any.any = true;
    b->tls = (struct policy_tls){.server_name = "gw.test", .rules = &b->any, .n_rules = 1};
    b->chain = pki_stack((X509 *[]){b->leaf.x}, 1);
    b->trust = pki_trust(&b->c, &e);
    b->side = (struct verify_side){.trust = b->trust, .tls = &b->tls, .side = LEG_OUTER};
}

static void bench_clear(struct bench *b)
{
    sk_X509_pop_free(b->chain, X509_free);
    trust_free(b->trust);
}

static enum reason ask(struct bench *b, int64_t now)
{
    struct verdict v;

    verify(&b->side, b->chain, now, &v, NULL);
    return v.allow ? REASON_NONE : v.reasons[0].reason;
}

TEST("no certificate is a refusal, never a success")
{
    struct bench b;

    bench_init(&b);
    sk_X509_pop_free(b.chain, X509_free);
    b.chain = NULL;
    EXPECT(ask(&b, PKI_NOW) == REASON_NO_CERTIFICATE);
    b.chain = sk_X509_new_null();
    EXPECT(ask(&b, PKI_NOW) == REASON_NO_CERTIFICATE);
    bench_clear(&b);
}

TEST("the verified path is handed out leaf first, anchor last, and only when allowed")
{
    STACK_OF(X509) *path = NULL;
    struct verdict v;
    struct bench b;

    bench_init(&b);
    verify(&b.side, b.chain, PKI_NOW, &v, &path);
    EXPECT(v.allow && sk_X509_num(path) == 2);
    EXPECT(X509_cmp(sk_X509_value(path, 0), b.leaf.x) == 0);
    EXPECT(X509_cmp(sk_X509_value(path, 1), b.root.x) == 0);
    sk_X509_pop_free(path, X509_free);
    path = NULL;
    b.tls.n_rules = 0;
    verify(&b.side, b.chain, PKI_NOW, &v, &path);
    EXPECT(!v.allow && !path && v.reasons[0].reason == REASON_NO_RULE);
    bench_clear(&b);
}

TEST("a path that is known is still judged by date, by rule and by CRL")
{
    struct bench b;

    bench_init(&b);
    EXPECT(ask(&b, PKI_NOW) == REASON_NONE);
    EXPECT(path_cache_count(b.trust->cache) == 1);
    EXPECT(ask(&b, PKI_NOW + 101 * PKI_DAY) == REASON_EXPIRED);
    EXPECT(ask(&b, PKI_NOW - 2 * PKI_DAY) == REASON_NOT_YET_VALID);
    b.tls.n_rules = 0;
    EXPECT(ask(&b, PKI_NOW) == REASON_NO_RULE);
    b.tls.n_rules = 1;
    EXPECT(ask(&b, PKI_NOW) == REASON_NONE);
    bench_clear(&b);
}

TEST("a path known on one side or for one server name is not known for another")
{
    struct bench b;
    struct pki_cert both;

    bench_init(&b);
    both = pki_issue(&b.root,
                     &(struct pki_spec){.cn = "x", .sans = "dns:gw.test", .purpose = "clientAuth"});
    sk_X509_pop_free(b.chain, X509_free);
    b.chain = pki_stack((X509 *[]){both.x}, 1);
    EXPECT(ask(&b, PKI_NOW) == REASON_NONE);
    b.side.side = LEG_INNER;
    EXPECT(ask(&b, PKI_NOW) == REASON_EKU);
    b.tls.server_name = "";
    EXPECT(ask(&b, PKI_NOW) == REASON_EKU);
    b.tls.server_name = "gw.test";
    both = pki_leaf(&b.root, LEG_INNER, "dns:gw.test");
    sk_X509_pop_free(b.chain, X509_free);
    b.chain = pki_stack((X509 *[]){both.x}, 1);
    EXPECT(ask(&b, PKI_NOW) == REASON_NONE);
    b.tls.server_name = "other.test";
    EXPECT(ask(&b, PKI_NOW) == REASON_NAME_MISMATCH);
    bench_clear(&b);
}

TEST("refusals of a path are not kept, so strangers can not flush what is known")
{
    struct bench b;
    struct pki_cert stranger = pki_leaf(NULL, LEG_OUTER, NULL);

    bench_init(&b);
    sk_X509_pop_free(b.chain, X509_free);
    b.chain = pki_stack((X509 *[]){stranger.x}, 1);
    EXPECT(ask(&b, PKI_NOW) == REASON_UNKNOWN_CA);
    EXPECT(path_cache_count(b.trust->cache) == 0);
    bench_clear(&b);
}

TEST("what was learnt passes to a trust with the same anchors, and to no other")
{
    struct bench a, b;
    struct pki_case two = {0};
    struct trust *same, *more;
    struct err e;

    bench_init(&a);
    bench_init(&b);
    EXPECT(ask(&a, PKI_NOW) == REASON_NONE);
    two.anchors[0] = b.root.x;
    two.anchors[1] = a.root.x;
    same = pki_trust(&a.c, &e);
    more = pki_trust(&two, &e);
    trust_inherit(same, a.trust);
    trust_inherit(more, a.trust);
    EXPECT(path_cache_count(same->cache) == 1 && path_cache_count(more->cache) == 0);
    trust_inherit(same, same);
    trust_free(a.trust);
    a.trust = same;
    a.side.trust = same;
    EXPECT(ask(&a, PKI_NOW) == REASON_NONE);
    a.side.trust = b.trust; /* the CA was removed */
    EXPECT(ask(&a, PKI_NOW) == REASON_UNKNOWN_CA);
    trust_free(more);
    bench_clear(&a);
    bench_clear(&b);
}

static void number_digest(unsigned n, uint8_t out[32])
{
    memset(out, 0, 32);
    out[0] = (uint8_t)n; /* many share a bucket */
    out[30] = (uint8_t)(n >> 8);
    out[31] = (uint8_t)(n >> 16);
}

TEST("the cache holds 8192 paths and lets go of the one used longest ago")
{
    struct path_cache *c = path_cache_new();
    struct path_known k = {.n = 2}, got;
    uint8_t d[32];

    for (unsigned i = 0; i < PATH_CACHE_PATHS; i++) {
        number_digest(i, d);
        k.at[0].index = (uint16_t)i;
        path_cache_add(c, d, &k);
    }
    number_digest(0, d);
    EXPECT(path_cache_find(c, d, &got) && got.at[0].index == 0); /* used now */
    for (unsigned i = 0; i < 100; i++) {
        number_digest(PATH_CACHE_PATHS + i, d);
        k.at[0].index = (uint16_t)i;
        path_cache_add(c, d, &k);
    }
    EXPECT(path_cache_count(c) == PATH_CACHE_PATHS);
    number_digest(0, d);
    EXPECT(path_cache_find(c, d, &got));
    for (unsigned i = 1; i < PATH_CACHE_PATHS + 100; i++) {
        number_digest(i, d);
        EXPECT(path_cache_find(c, d, &got) == (i > 100));
        EXPECT(i <= 100 || got.at[0].index == (i < PATH_CACHE_PATHS ? i : i - PATH_CACHE_PATHS));
    }
    path_cache_put(path_cache_get(c));
    path_cache_put(c);
    path_cache_put(NULL);
}

TEST("each reason of a verdict has an error, and an unknown one is internal")
{
    for (int r = REASON_NO_CERTIFICATE; r <= REASON_NO_RULE; r++)
        EXPECT(reason_x509_error((enum reason)r) != X509_V_OK &&
               reason_x509_error((enum reason)r) != X509_V_ERR_UNSPECIFIED);
    EXPECT(reason_x509_error(REASON_INTERNAL) == X509_V_ERR_UNSPECIFIED);
    EXPECT(reason_x509_error(REASON_COUNT) == X509_V_ERR_UNSPECIFIED);
}

int main(void)
{
    return test_run();
}
