/* Questions to verify(), asked the way a revision asks them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

STACK_OF(X509) * pki_stack(X509 *const *list, size_t max)
{
    STACK_OF(X509) *out = sk_X509_new_null();

    for (size_t i = 0; i < max && list[i]; i++)
        if (X509_up_ref(list[i]))
            sk_X509_push(out, list[i]);
    return out;
}

/* A trust borrows its policy and views: both live on, one set for each trust. */
struct borrowed {
    struct policy_trust policy;
    struct policy_blob anchors[8];
    struct crl_view views[8];
    struct borrowed *next;
};

struct trust *pki_trust(const struct pki_case *c, struct err *e)
{
    static struct borrowed *all;
    struct borrowed *b = calloc(1, sizeof *b);
    struct trust *t = NULL;
    size_t n = 0;

    b->next = all;
    all = b;
    b->policy = (struct policy_trust){.name = "partners",
                                      .anchors = b->anchors,
                                      .revocation = !c->no_revocation,
                                      .stale_cuts = c->stale_cuts};
    for (; b->policy.n_anchors < 8 && c->anchors[b->policy.n_anchors]; b->policy.n_anchors++) {
        struct policy_blob *blob = &b->anchors[b->policy.n_anchors];
        unsigned char *der = NULL;

        blob->n = (uint32_t)i2d_X509(c->anchors[b->policy.n_anchors], &der);
        blob->data = der; /* lives as long as the program */
    }
    for (; n < 8 && c->crls[n]; n++)
        b->views[n] = pki_table(c->crls[n]);
    return trust_new(&b->policy, b->views, n, &t, e) == 0 ? t : NULL;
}

static bool same_verdict(const struct verdict *a, const struct verdict *b)
{
    bool same = a->allow == b->allow && a->rule == b->rule && a->until == b->until &&
                a->not_after == b->not_after && a->n_reasons == b->n_reasons;

    for (int i = 0; same && i < a->n_reasons; i++)
        same = a->reasons[i].reason == b->reasons[i].reason &&
               a->reasons[i].x509_error == b->reasons[i].x509_error &&
               !strcmp(a->reasons[i].text, b->reasons[i].text);
    return same;
}

struct verdict pki_verify(const struct pki_case *c)
{
    static struct policy_rule any = {.any = true};
    struct policy_tls tls = {.server_name = c->server_name         ? c->server_name
                                            : c->side == LEG_INNER ? "gw.test"
                                                                   : "",
                             .rules = &any,
                             .n_rules = 1};
    struct verify_side side = {.tls = &tls, .side = c->side};
    STACK_OF(X509) *chain = pki_stack(c->chain, 12), *path = NULL;
    struct verdict fresh = {0}, again;
    struct err e = {0};
    struct trust *t = pki_trust(c, &e);

    side.trust = t;
    if (c->rules || c->no_rules) {
        tls.rules = (struct policy_rule *)(uintptr_t)c->rules;
        tls.n_rules = c->n_rules;
    }
    if (t) {
        verify(&side, chain, c->now ? c->now : PKI_NOW, &fresh, NULL);
        verify(&side, chain, c->now ? c->now : PKI_NOW, &again, &path);
        EXPECT(same_verdict(&fresh, &again));
        EXPECT((path != NULL) == fresh.allow);
        EXPECT(fresh.allow ? fresh.n_reasons == 0 : fresh.n_reasons > 0);
    }
    sk_X509_pop_free(path, X509_free);
    sk_X509_pop_free(chain, X509_free);
    trust_free(t);
    return fresh;
}

enum reason pki_refusal(const struct pki_case *c)
{
    struct verdict v = pki_verify(c);

    return v.allow || !v.n_reasons ? REASON_NONE : v.reasons[0].reason;
}

bool pki_allows(const struct pki_case *c)
{
    struct verdict v = pki_verify(c);

    if (!v.allow && v.n_reasons)
        printf("    refused: %s: %s\n", reason_name(v.reasons[0].reason), v.reasons[0].text);
    return v.allow;
}
