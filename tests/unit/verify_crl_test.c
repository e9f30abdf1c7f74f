/* Revocation: who may speak for an issuer, when, and what it must not leave open. */
#include <errno.h>
#include "dataplane/base/err.h"
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

/* Root, intermediate, client: and a case in which both CRLs are good. */
struct world {
    struct pki_cert root, ca, leaf;
    struct pki_case ask;
};

static struct world world_with(const struct pki_crl_spec *of_root, const struct pki_crl_spec *of_ca)
{
    struct world w = {.root = pki_ca(NULL, "Root")};

    w.ca = pki_ca(&w.root, "CA");
    w.leaf = pki_leaf(&w.ca, LEG_OUTER, "dns:client.test");
    w.ask.anchors[0] = w.root.x;
    w.ask.chain[0] = w.leaf.x;
    w.ask.chain[1] = w.ca.x;
    w.ask.crls[0] = pki_crl(&w.ca, of_ca);
    w.ask.crls[1] = pki_crl(&w.root, of_root);
    return w;
}

static struct world world(void)
{
    return world_with(&(struct pki_crl_spec){0}, &(struct pki_crl_spec){0});
}

/* The verdict when the intermediate's CRL is made so. */
static enum reason with_crl(const struct pki_crl_spec *of_ca)
{
    struct world w = world_with(&(struct pki_crl_spec){0}, of_ca);

    return pki_refusal(&w.ask);
}

TEST("a current CRL of each issuer lets a peer in")
{
    struct world w = world();

    EXPECT(pki_allows(&w.ask));
}

TEST("a missing CRL of the leaf's issuer or of the intermediate's is a refusal")
{
    struct world w = world();
    X509_CRL *of_ca = w.ask.crls[0], *of_root = w.ask.crls[1];

    w.ask.crls[1] = NULL;
    EXPECT(pki_refusal(&w.ask) == REASON_CRL_MISSING);
    w.ask.crls[0] = of_root;
    EXPECT(pki_refusal(&w.ask) == REASON_CRL_MISSING);
    w.ask.crls[0] = NULL;
    EXPECT(pki_refusal(&w.ask) == REASON_CRL_MISSING);
    w.ask.no_revocation = true;
    EXPECT(pki_allows(&w.ask));
    (void)of_ca;
}

TEST("a revoked leaf and a revoked intermediate are refused")
{
    struct world w = world();

    w.ask.crls[2] = pki_crl(&w.ca, &(struct pki_crl_spec){.revoked = {w.leaf.x}, .number = "02"});
    EXPECT(pki_refusal(&w.ask) == REASON_REVOKED);
    w.ask.crls[2] = pki_crl(&w.root, &(struct pki_crl_spec){.revoked = {w.ca.x}, .number = "02"});
    EXPECT(pki_refusal(&w.ask) == REASON_REVOKED);
    w.ask.no_revocation = true;
    EXPECT(pki_allows(&w.ask));
}

TEST("a serial is found wherever in the table it stands")
{
    static const char *const others[] = {"02", "0300", "7f00000000000000000000000000000000000001",
                                         NULL};
    static const char *const serials[] = {"01", "0150", "7fffffffffffffffffffffffffffffffffffffff",
                                          "99"};

    for (size_t i = 0; i < 4; i++) {
        struct pki_cert root = pki_ca(NULL, "Root");
        struct pki_cert leaf = pki_issue(
            &root, &(struct pki_spec){.cn = "x", .purpose = "clientAuth", .serial = serials[i]});
        struct pki_case c = {.anchors = {root.x}, .chain = {leaf.x}};

        c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){.serials = others});
        EXPECT(pki_refusal(&c) == REASON_NONE);
        c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){.serials = others, .revoked = {leaf.x}});
        EXPECT(pki_refusal(&c) == REASON_REVOKED);
    }
}

TEST("a CRL past its next update is stale, and until then it is not")
{
    struct world w = world();

    w.ask.now = PKI_NOW + 7 * PKI_DAY - 1;
    EXPECT(pki_allows(&w.ask));
    w.ask.now = PKI_NOW + 7 * PKI_DAY;
    EXPECT(pki_refusal(&w.ask) == REASON_CRL_STALE);
}

TEST("a CRL from the future does not count, nor one without a next update")
{
    EXPECT(with_crl(&(struct pki_crl_spec){.from = PKI_NOW + 1}) == REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.to = -1}) == REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.from = PKI_NOW - 1, .to = PKI_NOW - 2}) ==
           REASON_CRL_INVALID);
}

TEST("a CRL without a number does not count, nor one with a negative or overlong number")
{
    EXPECT(with_crl(&(struct pki_crl_spec){.number = ""}) == REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.number = "-01"}) == REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){
               .number = "010000000000000000000000000000000000000000"}) == REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.number = "00"}) == REASON_NONE);
}

TEST("delta, partial and indirect CRLs do not count")
{
    EXPECT(with_crl(&(struct pki_crl_spec){.extra = {{"2.5.29.27", true, "020101"}}}) ==
           REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.extra = {{"2.5.29.28", true, "30038101ff"}}}) ==
           REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.extra = {{"2.5.29.28", false, "30038101ff"}}}) ==
           REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.serials = (const char *const[]){"77", NULL},
                                           .entry = {"2.5.29.29", false, "3000"}}) ==
           REASON_CRL_INVALID);
}

TEST("an unknown critical extension of a CRL or of an entry makes it useless, another does not")
{
    const char *const one[] = {"77", NULL};

    EXPECT(with_crl(&(struct pki_crl_spec){.extra = {{"1.3.6.1.4.1.99999.1", true, "0500"}}}) ==
           REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.extra = {{"1.3.6.1.4.1.99999.1", false, "0500"}}}) ==
           REASON_NONE);
    EXPECT(with_crl(&(struct pki_crl_spec){.serials = one,
                                           .entry = {"1.3.6.1.4.1.99999.1", true, "0500"}}) ==
           REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){
               .serials = one, .entry = {"2.5.29.21", false, "0a0101"}}) == REASON_NONE);
}

TEST("a CRL with a weak signature algorithm does not count")
{
    EXPECT(with_crl(&(struct pki_crl_spec){.digest = "SHA1"}) == REASON_CRL_INVALID);
}

TEST("a CRL that the intermediate's key did not sign does not count")
{
    EXPECT(with_crl(&(struct pki_crl_spec){.by = pki_new_key(KEY_P256)}) == REASON_CRL_INVALID);
    EXPECT(with_crl(&(struct pki_crl_spec){.spoil = true}) == REASON_CRL_INVALID);
}

TEST("a CRL of an anchor's name that its key did not sign is refused with the configuration")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_case c = {.anchors = {root.x}};
    struct err e = {0};
    struct trust *t;

    c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){.spoil = true});
    EXPECT(!pki_trust(&c, &e) && strstr(e.what, "signature") &&
           !strcmp(e.where, "/trust/partners/crls"));
    c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){.by = pki_new_key(KEY_P256)});
    EXPECT(!pki_trust(&c, &e));
    c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){0});
    t = pki_trust(&c, &e);
    EXPECT(t);
    trust_free(t);
}

TEST("a CRL of a twin with the same name but another key is not the issuer's")
{
    struct world w = world();
    struct pki_cert twin = pki_ca(&w.root, "CA");

    w.ask.crls[0] = pki_crl(&twin, &(struct pki_crl_spec){0});
    EXPECT(pki_refusal(&w.ask) == REASON_CRL_MISSING);
    w.ask.crls[0] = pki_crl(&twin, &(struct pki_crl_spec){.no_aki = true});
    EXPECT(pki_refusal(&w.ask) == REASON_CRL_INVALID);
    w.ask.crls[2] = pki_crl(&w.ca, &(struct pki_crl_spec){.no_aki = true});
    EXPECT(pki_allows(&w.ask));
}

TEST("a twin's CRL revokes nothing of ours")
{
    struct world w = world();
    struct pki_cert twin = pki_ca(&w.root, "CA");

    w.ask.crls[2] = pki_crl(&twin, &(struct pki_crl_spec){.revoked = {w.leaf.x}, .number = "09"});
    EXPECT(pki_allows(&w.ask));
}

TEST("an issuer whose key usage lacks cRLSign can not revoke, so nothing under it is let in")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_cert ca = pki_issue(
        &root, &(struct pki_spec){.cn = "CA", .ca = true, .usage = "critical,keyCertSign"});
    struct pki_cert leaf = pki_leaf(&ca, LEG_OUTER, NULL);
    struct pki_case c = {.anchors = {root.x}, .chain = {leaf.x, ca.x}};

    c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){0});
    c.crls[1] = pki_crl(&ca, &(struct pki_crl_spec){0});
    EXPECT(pki_refusal(&c) == REASON_CRL_INVALID);
}

TEST("of several CRLs the newest by number counts, in whatever order they come")
{
    struct world w = world();
    X509_CRL *lists = pki_crl(&w.ca, &(struct pki_crl_spec){.revoked = {w.leaf.x}, .number = "02"}),
             *lifts = pki_crl(&w.ca, &(struct pki_crl_spec){.number = "0100"});

    w.ask.crls[2] = lists;
    EXPECT(pki_refusal(&w.ask) == REASON_REVOKED);
    w.ask.crls[3] = lifts;
    EXPECT(pki_allows(&w.ask));
    w.ask.crls[2] = lifts;
    w.ask.crls[3] = lists;
    EXPECT(pki_allows(&w.ask));
}

TEST("a newer CRL that does not count does not hide an older one that does")
{
    struct world w = world();

    w.ask.crls[2] = pki_crl(&w.ca, &(struct pki_crl_spec){.number = "09", .spoil = true});
    EXPECT(pki_allows(&w.ask));
    w.ask.crls[0] = pki_crl(&w.ca, &(struct pki_crl_spec){.revoked = {w.leaf.x}});
    EXPECT(pki_refusal(&w.ask) == REASON_REVOKED);
}

TEST("an older CRL that is still current does not stand in for a newer one that ran out")
{
    struct world w = world();

    w.ask.crls[2] = pki_crl(&w.ca, &(struct pki_crl_spec){.number = "09", .to = PKI_NOW - 1});
    EXPECT(pki_refusal(&w.ask) == REASON_CRL_STALE);
}

TEST("the clock set back does not bring a revoked certificate back")
{
    struct world w = world();

    w.ask.crls[2] = pki_crl(&w.ca, &(struct pki_crl_spec){.revoked = {w.leaf.x},
                                                          .number = "02",
                                                          .from = PKI_NOW + PKI_DAY,
                                                          .to = PKI_NOW + 8 * PKI_DAY});
    w.ask.now = PKI_NOW + 2 * PKI_DAY;
    EXPECT(pki_refusal(&w.ask) == REASON_REVOKED);
    w.ask.now = PKI_NOW;
    EXPECT(pki_refusal(&w.ask) == REASON_REVOKED);
}

TEST("a CRL by Ed25519, RSA and ML-DSA issuers counts")
{
    static const enum pki_key keys[] = {KEY_ED25519, KEY_RSA2048, KEY_P384, KEY_ML_DSA_65};

    for (size_t i = 0; i < 4; i++) {
        struct pki_cert root, leaf;
        struct pki_case c = {0};

        if (!pki_has(keys[i]))
            continue;
        root = pki_issue(NULL, &(struct pki_spec){.cn = "Root", .ca = true, .key = keys[i]});
        leaf = pki_leaf(&root, LEG_OUTER, NULL);
        c.anchors[0] = root.x;
        c.chain[0] = leaf.x;
        c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){0});
        EXPECT(pki_allows(&c));
        c.crls[0] = pki_crl(&root, &(struct pki_crl_spec){.revoked = {leaf.x}});
        EXPECT(pki_refusal(&c) == REASON_REVOKED);
    }
}

TEST("a table that lacks an entry of its signed list does not count")
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_leaf(&root, LEG_OUTER, NULL);
    X509_CRL *crl = pki_crl(&root, &(struct pki_crl_spec){.revoked = {leaf.x}});
    struct crl_view view = pki_table(crl);
    struct policy_blob anchor = {0};
    unsigned char *der = NULL;
    struct policy_trust policy = {
        .name = "t", .anchors = &anchor, .n_anchors = 1, .revocation = true};
    struct policy_rule any = {.any = true};
    struct policy_tls tls = {.server_name = "", .rules = &any, .n_rules = 1};
    struct verify_side side = {.tls = &tls, .side = LEG_OUTER};
    STACK_OF(X509) *chain = pki_stack((X509 *[]){leaf.x}, 1);
    struct trust *t = NULL;
    struct verdict v;
    struct err e;

    anchor.n = (uint32_t)i2d_X509(root.x, &der);
    anchor.data = der;
    view.count = 0;
    EXPECT(trust_new(&policy, &view, 1, &t, &e) == 0);
    side.trust = t;
    verify(&side, chain, PKI_NOW, &v, NULL);
    EXPECT(!v.allow && v.reasons[0].reason == REASON_CRL_INVALID);
    trust_free(t);
    view.tbs++; /* a table whose signed part is not the list's */
    EXPECT(trust_new(&policy, &view, 1, &t, &e) == -EINVAL);
    sk_X509_pop_free(chain, X509_free);
    OPENSSL_free(der);
}

TEST("a verdict holds until the first certificate of the path ends, and no longer than a CRL "
     "when stale ones cut")
{
    struct world w = world();

    EXPECT(pki_verify(&w.ask).until == PKI_NOW + 100 * PKI_DAY);
    w.ask.stale_cuts = true;
    EXPECT(pki_verify(&w.ask).until == PKI_NOW + 7 * PKI_DAY);
    EXPECT(pki_verify(&w.ask).not_after == PKI_NOW + 100 * PKI_DAY);
}

TEST("several things wrong are all told, the path's first")
{
    struct world w = world();
    struct verdict v;

    w.ask.crls[0] = w.ask.crls[1] = NULL;
    w.ask.no_rules = true;
    w.ask.now = PKI_NOW + 200 * PKI_DAY;
    v = pki_verify(&w.ask);
    EXPECT(!v.allow && v.n_reasons >= 5 && v.reasons[0].reason == REASON_EXPIRED);
    EXPECT(v.reasons[v.n_reasons - 1].reason == REASON_NO_RULE);
    EXPECT(v.until == 0);
}

int main(void)
{
    return test_run();
}
