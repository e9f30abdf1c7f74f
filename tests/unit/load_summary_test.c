/* Does a run in which the generator was the bottleneck say so, and does no other? */
#include "perf/load/summary.h"

#include <stdlib.h>
#include "tests/unit/test.h"

#define SECOND 1000000000ull

static struct busy busy(uint64_t percent, uint64_t most_percent, uint32_t cpus)
{
    return (struct busy){.known = true,
                         .over_ns = SECOND,
                         .cpu_ns = percent * SECOND / 100,
                         .most_ns = most_percent * SECOND / 100,
                         .cpus = cpus};
}

static bool verdict(struct busy generator, struct busy gateway, struct busy backend, bool shares,
                    const char *want)
{
    struct result *r = calloc(1, sizeof(*r));
    bool same;

    r->window_ns = SECOND;
    r->generator = generator;
    r->gateway = gateway;
    r->backend = backend;
    r->backend_shares = shares;
    same = !strcmp(summary_bottleneck(r), want);
    free(r);
    return same;
}

static const struct busy unknown;

TEST("a generator above nine tenths of its core, with a gateway below, is the bottleneck")
{
    EXPECT(verdict(busy(91, 91, 1), busy(60, 60, 1), unknown, false, "generator"));
    EXPECT(verdict(busy(89, 89, 1), busy(60, 60, 1), unknown, false, "none"));
}

TEST("one process at its limit is enough, for the others can not take its sessions")
{
    EXPECT(verdict(busy(120, 95, 2), busy(60, 60, 1), unknown, false, "generator"));
    EXPECT(verdict(busy(120, 60, 2), busy(60, 60, 1), unknown, false, "none"));
}

TEST("processes that share one core use it up together")
{
    EXPECT(verdict(busy(92, 46, 1), busy(60, 60, 1), unknown, false, "generator"));
}

TEST("a gateway that is used up is the bottleneck whoever else is, by all its CPUs or one thread")
{
    EXPECT(verdict(busy(95, 95, 1), busy(95, 95, 1), unknown, false, "gateway"));
    EXPECT(verdict(busy(10, 10, 1), busy(95, 30, 1), unknown, false, "gateway"));
    EXPECT(verdict(busy(10, 10, 1), busy(95, 95, 4), unknown, false, "gateway"));
    EXPECT(verdict(busy(10, 10, 1), busy(95, 50, 4), unknown, false, "none"));
}

TEST("the backend counts: alone, or with the generator where both have the same core")
{
    EXPECT(verdict(busy(40, 40, 1), busy(60, 60, 1), busy(95, 95, 1), false, "backend"));
    EXPECT(verdict(busy(50, 50, 1), busy(60, 60, 1), busy(45, 45, 1), true, "generator"));
    EXPECT(verdict(busy(50, 50, 1), busy(60, 60, 1), busy(45, 45, 1), false, "none"));
}

TEST("of a gateway elsewhere nothing is claimed")
{
    EXPECT(verdict(busy(95, 95, 1), unknown, unknown, false, "unknown"));
    EXPECT(verdict(busy(5, 5, 1), unknown, unknown, false, "unknown"));
}

TEST("counts add up, and the window is the difference of two of them")
{
    struct counts a = {.attempts = 3, .down = 1ull << 40, .faults = {[FAULT_REFUSED] = 2}};
    struct counts b = {.attempts = 1, .alerts = {[42] = 7}}, d;

    counts_add(&b, &a);
    EXPECT(b.attempts == 4 && b.down == 1ull << 40 && b.faults[FAULT_REFUSED] == 2);
    EXPECT(b.alerts[42] == 7 && counts_faults(&b) == 2);
    counts_between(&d, &a, &b);
    EXPECT(d.attempts == 1 && d.down == 0 && d.alerts[42] == 7 && counts_faults(&d) == 0);
}

TEST("every kind of failure has a name")
{
    for (int f = 0; f < FAULT_COUNT; f++)
        EXPECT(tally_fault_name((enum fault)f) && tally_fault_name((enum fault)f)[0]);
}

int main(void)
{
    return test_run();
}
