#include "perf/load/hist.h"

#include "dataplane/base/check.h"

static uint32_t slot_of(uint64_t value)
{
    uint32_t shift;

    if (value >> HIST_VALUE_BITS)
        return HIST_SLOTS - 1;
    if (value < 2 * HIST_HALF)
        return (uint32_t)value;
    shift = (uint32_t)(64 - __builtin_clzll(value)) - HIST_LINEAR_BITS;
    return 2 * HIST_HALF + (shift - 1) * HIST_HALF + (uint32_t)(value >> shift) - HIST_HALF;
}

/* The greatest value that lies in a slot. */
static uint64_t slot_top(uint32_t slot)
{
    uint32_t shift, step;

    if (slot < 2 * HIST_HALF)
        return slot;
    shift = (slot - 2 * HIST_HALF) / HIST_HALF + 1;
    step = (slot - 2 * HIST_HALF) % HIST_HALF + HIST_HALF;
    return ((uint64_t)(step + 1) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t value)
{
    h->slots[slot_of(value)]++;
    h->min = !h->count || value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
    h->count++;
    h->sum += value;
}

void hist_merge(struct hist *to, const struct hist *from)
{
    if (!from->count)
        return;
    for (uint32_t i = 0; i < HIST_SLOTS; i++)
        to->slots[i] += from->slots[i];
    to->min = !to->count || from->min < to->min ? from->min : to->min;
    to->max = from->max > to->max ? from->max : to->max;
    to->count += from->count;
    to->sum += from->sum;
}

uint64_t hist_at(const struct hist *h, uint32_t share)
{
    uint64_t rank, seen = 0, top;

    check(share <= 1000000);
    if (!h->count)
        return 0;
    /* In whole numbers: 99.9 % of 1000 values are 999 of them, not 1000. */
    rank = (uint64_t)(((unsigned __int128)h->count * share + 999999) / 1000000);
    if (rank <= 1)
        return h->min;
    for (uint32_t i = 0; i < HIST_SLOTS - 1; i++) {
        seen += h->slots[i];
        if (seen < rank)
            continue;
        top = slot_top(i);
        return top < h->max ? top : h->max;
    }
    return h->max;
}

double hist_mean(const struct hist *h)
{
    return h->count ? (double)h->sum / (double)h->count : 0;
}
