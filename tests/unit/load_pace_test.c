/* Is every piece of work due at its own moment, however late the one before was taken? */
#include "perf/load/pace.h"
#include "perf/load/crew.h"

#include "tests/unit/test.h"

TEST("pieces are due evenly from the start on, and not before")
{
    struct pace p;
    uint64_t due = 0;

    pace_start(&p, 5000, 1000, 0, 1);
    EXPECT(!pace_take(&p, 4999, &due) && due == 0);
    EXPECT(pace_take(&p, 5000, &due) && due == 5000);
    EXPECT(!pace_take(&p, 1004999, &due));
    EXPECT(pace_next_ns(&p) == 1005000);
    EXPECT(pace_take(&p, 1005000, &due) && due == 1005000);
}

TEST("after a stall every missed piece is still taken, each with its own moment")
{
    struct pace p;
    uint64_t due, count = 0;

    pace_start(&p, 0, 100, 0, 1);
    while (pace_take(&p, 1000000000, &due)) {
        EXPECT(due == count * 10000000);
        count++;
    }
    EXPECT(count == 101); /* 0 and 1 s included */
}

TEST("a rate that divides no second evenly does not drift in a day")
{
    struct pace p;
    const uint64_t day = 86400ull * 1000000000;
    uint64_t due;

    pace_start(&p, 0, 7, 0, 1);
    p.next = 7 * 86400;
    EXPECT(pace_next_ns(&p) == day);
    EXPECT(!pace_take(&p, day - 1, &due) && pace_take(&p, day, &due) && due == day);
}

TEST("processes that share a rate take every piece once between them")
{
    struct pace p[3];
    uint64_t seen[12] = {0}, due;

    for (uint32_t i = 0; i < 3; i++) {
        pace_start(&p[i], 0, 1000, i, 3);
        while (pace_take(&p[i], 11 * 1000000, &due))
            seen[due / 1000000]++;
    }
    for (int i = 0; i < 12; i++)
        EXPECT(seen[i] == 1);
}

TEST("shares add up to the whole, and differ by one at most")
{
    for (uint32_t total = 0; total < 20; total++) {
        for (uint32_t of = 1; of < 8; of++) {
            uint32_t sum = 0;

            for (uint32_t i = 0; i < of; i++) {
                uint32_t share = crew_share(total, i, of);

                EXPECT(share == total / of || share == total / of + 1);
                sum += share;
            }
            EXPECT(sum == total);
        }
    }
}

int main(void)
{
    return test_run();
}
