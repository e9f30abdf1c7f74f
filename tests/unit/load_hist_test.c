/* Does the histogram give exact percentiles, to three digits whatever the size, and merge exactly?
 */
#include "perf/load/hist.h"

#include <stdlib.h>

#include "tests/unit/test.h"

static struct hist *empty(void)
{
    return calloc(1, sizeof(struct hist));
}

/* Within 0.1 %, never below. */
static bool close_above(uint64_t got, uint64_t exact)
{
    return got >= exact && got - exact <= exact / 1000;
}

TEST("an empty histogram says 0 to every question")
{
    struct hist *h = empty();

    EXPECT(hist_at(h, 500000) == 0 && hist_at(h, 1000000) == 0 && hist_mean(h) == 0);
    free(h);
}

TEST("values below 2048 have a slot each, and every percentile of them is exact")
{
    struct hist *h = empty();

    for (uint64_t v = 1000; v >= 1; v--)
        hist_add(h, v);
    EXPECT(hist_at(h, 0) == 1 && hist_at(h, 1000) == 1);
    EXPECT(hist_at(h, 500000) == 500);
    EXPECT(hist_at(h, 900000) == 900);
    EXPECT(hist_at(h, 990000) == 990);
    EXPECT(hist_at(h, 999000) == 999);
    EXPECT(hist_at(h, 999001) == 1000);
    EXPECT(hist_at(h, 1000000) == 1000);
    EXPECT(h->min == 1 && h->max == 1000 && hist_mean(h) == 500.5);
    free(h);
}

TEST("one value is every percentile, exactly, however large")
{
    static const uint64_t values[] = {0, 1, 2047, 2048, 123456789, 1ull << 40, UINT64_MAX / 2};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct hist *h = empty();

        hist_add(h, values[i]);
        EXPECT(hist_at(h, 0) == values[i] && hist_at(h, 500000) == values[i]);
        EXPECT(hist_at(h, 1000000) == values[i] && h->min == values[i] && h->max == values[i]);
        free(h);
    }
}

TEST("any value keeps three digits, at the edges of slots too")
{
    for (unsigned bit = 0; bit < HIST_VALUE_BITS; bit++) {
        for (int off = -1; off <= 1; off++) {
            uint64_t v = (1ull << bit) + (uint64_t)off;
            struct hist *h = empty();

            if (v >> HIST_VALUE_BITS) {
                free(h);
                continue;
            }
            hist_add(h, 0);
            hist_add(h, v);
            hist_add(h, (1ull << HIST_VALUE_BITS) - 1); /* so that max does not mend the slot */
            EXPECT(close_above(hist_at(h, 600000), v));
            free(h);
        }
    }
}

TEST("percentiles of a wide spread are those of the sorted values, to three digits")
{
    enum { N = 20000 };
    struct hist *h = empty();
    uint64_t v = 300;

    for (int i = 0; i < N; i++, v += v / 1000 + 1) /* sorted by construction */
        hist_add(h, v);
    v = 300;
    for (int i = 0; i < N; i++, v += v / 1000 + 1) {
        if (i + 1 == N / 2)
            EXPECT(close_above(hist_at(h, 500000), v));
        if (i + 1 == N / 100 * 99)
            EXPECT(close_above(hist_at(h, 990000), v));
        if (i + 1 == N / 1000 * 999)
            EXPECT(close_above(hist_at(h, 999000), v));
    }
    free(h);
}

TEST("a merge of several is what one would have counted")
{
    struct hist *all = empty(), *part[3] = {empty(), empty(), empty()}, *sum = empty();

    for (uint64_t i = 1; i < 5000; i++) {
        uint64_t v = i * i * 37 % 9999991;

        hist_add(all, v);
        hist_add(part[i % 2], v); /* the third one stays empty */
    }
    for (int i = 0; i < 3; i++)
        hist_merge(sum, part[i]);
    EXPECT(!memcmp(all, sum, sizeof(*all)));
    for (int i = 0; i < 3; i++)
        free(part[i]);
    free(all);
    free(sum);
}

TEST("what is beyond the range counts at the end, and the greatest stays exact")
{
    struct hist *h = empty();

    for (int i = 0; i < 99; i++)
        hist_add(h, 5);
    hist_add(h, 1ull << 50);
    EXPECT(hist_at(h, 990000) == 5 && hist_at(h, 1000000) == 1ull << 50);
    free(h);
}

int main(void)
{
    return test_run();
}
