/* A policy image of any slices. fuzz: max_len=16384 */
#include "dataplane/wire/policy.h"
#include <errno.h>
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

/* What the data plane and the handshake process rely on without looking again. */
static void check_listeners(const struct policy *p)
{
    for (unsigned i = 0; i < p->n_listeners; i++) {
        const struct policy_listener *l = &p->listeners[i];

        check(l->n_links > 0 && l->addr.len > 0);
        for (unsigned k = 0; k < l->n_links; k++) {
            check(l->links[k] < p->n_links);
            check((p->links[l->links[k]].outer != NULL) == l->tls);
        }
    }
}

static void check_side(const struct policy *p, const struct policy_tls *t)
{
    if (!t || !(p->slices & POLICY_SLICE_HANDSHAKE))
        return;
    check(t->trust < p->n_trusts && t->profile < p->n_profiles);
    for (unsigned i = 0; i < t->n_identities; i++)
        check(t->identities[i] < p->n_identities);
    for (unsigned i = 0; i < t->n_rules; i++)
        check(t->rules[i].any || t->rules[i].n_conds > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct policy *p = NULL;
    int rc = policy_decode(data, n, &p);
    struct buf b;

    check(rc == 0 || (rc == -EPROTO && !p));
    if (rc)
        return 0;
    check_listeners(p);
    for (unsigned i = 0; i < p->n_links; i++) {
        check_side(p, p->links[i].outer);
        check_side(p, p->links[i].inner);
    }
    buf_init(&b, out, sizeof out);
    policy_encode(&b, p, p->slices);
    check(buf_ok(&b) && b.len == n && !memcmp(out, data, n));
    policy_free(p);
    return 0;
}
