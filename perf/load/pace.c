#include "perf/load/pace.h"

#include "dataplane/base/check.h"

void pace_start(struct pace *p, uint64_t start_ns, double rate, uint32_t which, uint32_t stride)
{
    check(rate > 0 && stride > 0 && which < stride);
    *p = (struct pace){.start_ns = start_ns, .rate = rate, .next = which, .stride = stride};
}

uint64_t pace_next_ns(const struct pace *p)
{
    return p->start_ns + (uint64_t)((double)p->next * 1e9 / p->rate);
}

bool pace_take(struct pace *p, uint64_t now_ns, uint64_t *due_ns)
{
    uint64_t due = pace_next_ns(p);

    if (due > now_ns)
        return false;
    *due_ns = due;
    p->next += p->stride;
    return true;
}
