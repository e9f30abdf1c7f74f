/*
 * hist: a histogram of times with three significant digits whatever their size.
 *
 * Why: percentiles far out (99.9 %, the greatest) need every value counted, and several processes'
 * counts must add up to exactly what one process would have counted. Slots are linear up to 2047 ns
 * and from there on 1024 for each power of two, so a slot is never wider than 0.1 % of its values.
 * Owner: plain memory without pointers; may lie in shared memory. One writer. Never: allocates,
 * forgets a value: what is beyond its range counts in the last slot, and min and max are exact.
 */
#ifndef PENSTOCK_LOAD_HIST_H
#define PENSTOCK_LOAD_HIST_H

#include <stdint.h>

#define HIST_LINEAR_BITS 11 /* values below 2^11 have a slot each */
#define HIST_VALUE_BITS  40 /* 2^40 ns: 18 minutes */
#define HIST_HALF        (1u << (HIST_LINEAR_BITS - 1))
#define HIST_SLOTS       (2 * HIST_HALF + (HIST_VALUE_BITS - HIST_LINEAR_BITS) * HIST_HALF)

/* A zeroed struct is an empty histogram. */
struct hist {
    uint64_t count, sum, min, max;
    uint64_t slots[HIST_SLOTS];
};

void hist_add(struct hist *h, uint64_t value);
/* All that `from` counted is counted in `to` as well. */
void hist_merge(struct hist *to, const struct hist *from);
/*
 * The least value that `share` millionths of all values do not exceed (500000: the median), to
 * three digits: the greatest value of its slot, never above max. share is at most 1000000; 0 gives
 * the least value. 0 when nothing was counted.
 */
uint64_t hist_at(const struct hist *h, uint32_t share);
double hist_mean(const struct hist *h); /* exact; 0 when nothing was counted */

#endif
