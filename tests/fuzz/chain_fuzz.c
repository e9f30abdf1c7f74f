/*
 * A stranger's chain, all the way: parsed, shown, verified and held against rules. The input brings
 * everything along: flags, a chain whose last certificate is the anchor, a pattern, a CRL table.
 * fuzz: max_len=16384
 */
#include <errno.h>
#include <stdlib.h>
#include "handshake/provide.h"
#include "handshake/rules.h"
#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1800000000)

enum { FLAG_INNER = 1, FLAG_CRL = 2, FLAG_CUTS = 4, FLAG_RULES = 8 };

struct input {
    uint8_t flags;
    const uint8_t *chain, *table;
    size_t n_chain, n_table;
    char pattern[128];
};

static bool read_input(struct input *in, const uint8_t *data, size_t n)
{
    struct buf b;

    buf_init_read(&b, data, n);
    in->flags = buf_get_u8(&b);
    in->chain = buf_get_blob(&b, CHAIN_DER_MAX, &in->n_chain);
    buf_get_str(&b, in->pattern, sizeof in->pattern);
    in->n_table = buf_left(&b);
    in->table = buf_get_bytes(&b, in->n_table);
    return buf_ok(&b);
}

/* One rule for each kind of condition, all with the input's pattern. */
static void set_rules(struct policy_tls *tls, struct policy_rule rules[MATCH_COUNT + 1],
                      struct policy_cond conds[MATCH_COUNT], const char **value)
{
    for (int i = 0; i < MATCH_COUNT; i++) {
        conds[i] = (struct policy_cond){.match = (uint8_t)i, .n_values = 1, .values = value};
        rules[i] = (struct policy_rule){.n_conds = 1, .conds = &conds[i]};
    }
    rules[MATCH_COUNT] = (struct policy_rule){.any = true};
    tls->rules = rules;
    tls->n_rules = MATCH_COUNT + 1;
}

static struct trust *make_trust(const struct input *in, struct policy_trust *policy,
                                struct policy_blob *anchor, struct crl_view *view, X509 *x)
{
    bool crl = in->flags & FLAG_CRL && crl_view_init(view, in->table, in->n_table) == 0;
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    struct trust *t = NULL;
    struct err e;

    *anchor = (struct policy_blob){der, n > 0 ? (uint32_t)n : 0};
    *policy = (struct policy_trust){.name = "fuzz",
                                    .anchors = anchor,
                                    .n_anchors = 1,
                                    .revocation = in->flags & FLAG_CRL,
                                    .stale_cuts = in->flags & FLAG_CUTS};
    if (n > 0 && trust_new(policy, view, crl ? 1 : 0, &t, &e))
        check(e.what[0] && e.where[0]);
    return t;
}

static void check_allowed(STACK_OF(X509) * chain, const struct verdict *v, STACK_OF(X509) * path)
{
    X509 *leaf = sk_X509_value(chain, 0);
    struct peer_facts f;

    check(v->n_reasons == 0 && v->until >= NOW && v->not_after >= v->until);
    check(path && sk_X509_num(path) >= 2 && sk_X509_num(path) <= 5);
    check(sk_X509_value(path, 0) == leaf && X509_check_ca(leaf) == 0);
    check(X509_get_ext_by_NID(leaf, NID_ext_key_usage, -1) >= 0);
    check(facts_from_chain(chain, v, &f) == 0 && strlen(f.name) < sizeof f.name);
}

static void judge(const struct input *in, const struct trust *t, STACK_OF(X509) * chain)
{
    struct policy_rule rules[MATCH_COUNT + 1];
    struct policy_cond conds[MATCH_COUNT];
    const char *value = in->pattern;
    struct policy_tls tls = {.server_name = "gw.test"};
    struct verify_side side = {
        .trust = t, .tls = &tls, .side = in->flags & FLAG_INNER ? LEG_INNER : LEG_OUTER};
    STACK_OF(X509) *path = NULL;
    struct verdict v, again;

    set_rules(&tls, rules, conds, &value);
    if (in->flags & FLAG_RULES)
        tls.n_rules--; /* without {"any"} */
    verify(&side, chain, NOW, &v, NULL);
    verify(&side, chain, NOW, &again, &path);
    check(v.allow == again.allow && v.until == again.until && v.n_reasons == again.n_reasons);
    check(v.allow == (path != NULL) && (v.allow || v.n_reasons > 0));
    if (v.allow)
        check_allowed(chain, &v, path);
    sk_X509_pop_free(path, X509_free);
    tls.n_rules = 0;
    verify(&side, chain, NOW, &v, NULL);
    check(!v.allow);
}

/* With the decoders that a handshake process has. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    check(provide_init() == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct policy_trust policy;
    struct policy_blob anchor = {0};
    struct crl_view view = {0};
    STACK_OF(X509) * chain;
    struct trust *t;
    struct input in;
    enum reason why;
    char name[256];

    if (!read_input(&in, data, n))
        return 0;
    chain = chain_parse(in.chain, in.n_chain, &why);
    if (!chain) {
        check(why != REASON_NONE);
        return 0;
    }
    for (int i = 0; i < sk_X509_num(chain); i++) {
        facts_name(sk_X509_value(chain, i), name);
        check(memchr(name, 0, sizeof name) != NULL);
    }
    t = make_trust(&in, &policy, &anchor, &view, sk_X509_value(chain, sk_X509_num(chain) - 1));
    if (t)
        judge(&in, t, chain);
    trust_free(t);
    OPENSSL_free((void *)(uintptr_t)anchor.data);
    sk_X509_pop_free(chain, X509_free);
    return 0;
}
