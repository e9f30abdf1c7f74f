#include "dataplane/core/balance.h"

#define EJECT_MS 10000 /* without periodic checks a target is tried again after this */

static bool ejected(const struct target_live *t, uint64_t now_ms)
{
    return t->ejected_until > now_ms;
}

int balance_choose(const struct gate_link *l, uint64_t tried, uint64_t seed, uint64_t now_ms)
{
    unsigned n = l->policy->n_targets;
    int best = -1;

    for (unsigned k = 0; k < n; k++) {
        unsigned i = (unsigned)((seed + k) % n);
        const struct target_live *t = l->targets[i], *b = best < 0 ? NULL : l->targets[best];

        if (tried & (1ull << i))
            continue;
        if (!b || (ejected(b, now_ms) && !ejected(t, now_ms)) ||
            (ejected(b, now_ms) == ejected(t, now_ms) && t->sessions < b->sessions))
            best = (int)i;
    }
    return best;
}

/* A unix: target has no periodic check: it comes back by time. */
static bool checked(const struct gate_link *l, const struct target_live *t)
{
    return l->policy->health.interval_ms && t->addr.len && t->addr.sa.sa_family != AF_UNIX;
}

bool balance_result(const struct gate_link *l, unsigned target, bool ok, bool check,
                    uint64_t now_ms)
{
    const struct policy_health *h = &l->policy->health;
    struct target_live *t = l->targets[target];
    bool was = ejected(t, now_ms);

    if (!ok) {
        t->successes = 0;
        if (++t->failures >= h->fall)
            t->ejected_until = checked(l, t) ? UINT64_MAX : now_ms + EJECT_MS;
    } else {
        t->failures = 0;
        if (!was || !check || ++t->successes >= h->rise)
            t->ejected_until = 0;
    }
    return was != ejected(t, now_ms);
}
