#include "dataplane/core/balance.h"
#include "tests/unit/test.h"

#define N 3

struct fixture {
    struct policy_link policy;
    struct target_live live[N];
    struct target_live *targets[N];
    struct gate_link link;
};

static void setup(struct fixture *f, uint32_t interval_ms)
{
    memset(f, 0, sizeof *f);
    f->policy.n_targets = N;
    f->policy.health.interval_ms = interval_ms;
    f->policy.health.fall = 3;
    f->policy.health.rise = 2;
    for (int i = 0; i < N; i++) {
        f->targets[i] = &f->live[i];
        f->live[i].addr.len = sizeof f->live[i].addr.in4;
        f->live[i].addr.in4.sin_family = AF_INET;
    }
    f->link.policy = &f->policy;
    f->link.targets = f->targets;
}

TEST("the target with the fewest sessions is chosen")
{
    struct fixture f;

    setup(&f, 0);
    f.live[0].sessions = 5;
    f.live[1].sessions = 2;
    f.live[2].sessions = 3;
    for (uint64_t seed = 0; seed < N; seed++)
        EXPECT(balance_choose(&f.link, 0, seed, 1000) == 1);
}

TEST("equal targets take turns with the seed")
{
    struct fixture f;

    setup(&f, 0);
    for (int seed = 0; seed < N; seed++)
        EXPECT(balance_choose(&f.link, 0, (uint64_t)seed, 1000) == seed);
}

TEST("a tried target is not chosen again, and none is left at the end")
{
    struct fixture f;

    setup(&f, 0);
    EXPECT(balance_choose(&f.link, 3, 0, 1000) == 2);
    EXPECT(balance_choose(&f.link, 7, 0, 1000) == -1);
}

TEST("failures in a row eject a target, and time brings it back without checks")
{
    struct fixture f;

    setup(&f, 0);
    EXPECT(!balance_result(&f.link, 0, false, false, 1000));
    EXPECT(!balance_result(&f.link, 0, false, false, 1000));
    EXPECT(balance_result(&f.link, 0, false, false, 1000));
    EXPECT(balance_choose(&f.link, 0, 0, 1000) != 0);
    f.live[1].sessions = f.live[2].sessions = 9;
    EXPECT(balance_choose(&f.link, 0, 0, 1000) != 0);
    EXPECT(balance_choose(&f.link, 0, 0, 1000 + 10000) == 0);
}

TEST("with checks only enough good ones in a row bring it back")
{
    struct fixture f;

    setup(&f, 5000);
    for (int i = 0; i < 3; i++)
        balance_result(&f.link, 0, false, true, 1000);
    EXPECT(balance_choose(&f.link, 6, 0, 1u << 30) == 0); /* last resort: the others were tried */
    EXPECT(balance_choose(&f.link, 0, 0, 1u << 30) != 0);
    EXPECT(!balance_result(&f.link, 0, true, true, 1000));
    EXPECT(balance_result(&f.link, 0, true, true, 1000));
    EXPECT(balance_choose(&f.link, 0, 0, 1000) == 0);
}

TEST("a success in between forgives earlier failures")
{
    struct fixture f;

    setup(&f, 0);
    balance_result(&f.link, 0, false, false, 1000);
    balance_result(&f.link, 0, false, false, 1000);
    balance_result(&f.link, 0, true, false, 1000);
    EXPECT(!balance_result(&f.link, 0, false, false, 1000));
    EXPECT(balance_choose(&f.link, 0, 0, 1000) == 0);
}

int main(void)
{
    return test_run();
}
