/* hold: is what strangers wait for kept back while there is enough to do, and never for long? */
#include <unistd.h>
#include "dataplane/uring/hold.h"
#include "tests/unit/test.h"

#define MANY 5 /* handshakes under way */

static struct hold h;
static uint64_t ready[HOLD_POLLS];
static int events[HOLD_POLLS];

/* How many were seen to have an event; they stand in ready[] and events[]. */
static unsigned look(unsigned under_way, uint64_t now_us)
{
    unsigned n = 0;

    hold_look(&h, under_way, false, now_us);
    while (hold_next(&h, &ready[n], &events[n]))
        n++;
    return n;
}

static void begin(void)
{
    h = (struct hold){0};
}

TEST("without a storm nothing is kept back")
{
    begin();
    EXPECT(!hold_put(&h, HOLD_FROM - 1, 3, POLLIN, 100));
    EXPECT(h.n == 0 && hold_wait_us(&h, 0) == UINT64_MAX);
}

TEST("after calm the first look is at once, the next after a pause that grows with the handshakes")
{
    begin();
    EXPECT(hold_put(&h, MANY, -1, POLLIN, 100));
    EXPECT(hold_wait_us(&h, 5000000) == 0);
    look(MANY, 5000000);
    EXPECT(hold_wait_us(&h, 5000010) == MANY * HOLD_EACH_US - 10);
    EXPECT(hold_wait_us(&h, 5000000 + MANY * HOLD_EACH_US) == 0);
}

TEST("a pause has an end however many they are")
{
    begin();
    EXPECT(hold_put(&h, MANY, -1, POLLIN, 100));
    look(100000, 7);
    EXPECT(hold_wait_us(&h, 7) == HOLD_MOST_US);
}

TEST("it is longer while nobody but strangers is there")
{
    begin();
    EXPECT(hold_put(&h, MANY, -1, POLLIN, 100));
    hold_look(&h, MANY, true, 7);
    EXPECT(hold_wait_us(&h, 7) == MANY * HOLD_EACH_US * HOLD_ALONE);
    hold_look(&h, 100000, true, 7);
    EXPECT(hold_wait_us(&h, 7) == HOLD_MOST_US * HOLD_ALONE);
}

TEST("a look finds all that has an event, and what has none goes on waiting")
{
    int p[3][2];

    begin();
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(pipe(p[i]) == 0);
        EXPECT(hold_put(&h, MANY, p[i][0], POLLIN, 100 + i));
    }
    EXPECT(look(MANY, 0) == 0 && h.n == 3);
    EXPECT(write(p[0][1], "", 1) == 1 && write(p[2][1], "", 1) == 1);
    EXPECT(look(MANY, 0) == 2 && h.n == 1);
    EXPECT(ready[0] + ready[1] == 202 && ready[0] != ready[1]);
    EXPECT(events[0] == POLLIN && events[1] == POLLIN);
    EXPECT(h.what[0].user_data == 101 && h.poll[0].fd == p[1][0]);
    close(p[1][1]);
    EXPECT(look(MANY, 0) == 1 && events[0] == POLLHUP && h.n == 0);
    for (unsigned i = 0; i < 3; i++) {
        close(p[i][0]);
        if (i != 1)
            close(p[i][1]);
    }
}

TEST("what was seen and left for later is seen again, at once, unless it is dropped meanwhile")
{
    uint64_t what;
    int seen;
    int p[2];

    begin();
    EXPECT(pipe(p) == 0 && write(p[1], "", 1) == 1);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(hold_put(&h, MANY, p[0], POLLIN, 100 + i));
    hold_look(&h, MANY, false, 5000000);
    EXPECT(hold_next(&h, &what, &seen) && what == 100 && h.n == 2);
    EXPECT(hold_wait_us(&h, 5000000) > 0);
    hold_hurry(&h);
    EXPECT(hold_wait_us(&h, 5000000) == 0);
    EXPECT(hold_drop(&h, 101));
    EXPECT(look(MANY, 5000000) == 1 && ready[0] == 102 && h.n == 0);
    close(p[0]);
    close(p[1]);
}

TEST("who has an event has a turn, though others come again and again and few are taken a time")
{
    bool seen[8] = {false};
    uint64_t what;
    int revents;
    int p[2];

    begin();
    EXPECT(pipe(p) == 0 && write(p[1], "", 1) == 1);
    for (unsigned i = 0; i < 8; i++)
        EXPECT(hold_put(&h, MANY, p[0], POLLIN, i));
    for (unsigned i = 0; i < 2 * 8; i++) { /* two times round */
        hold_look(&h, MANY, false, 0);
        EXPECT(hold_next(&h, &what, &revents) && what < 8);
        seen[what] = true;
        EXPECT(hold_put(&h, MANY, p[0], POLLIN, what));
    }
    for (unsigned i = 0; i < 8; i++)
        EXPECT(seen[i]);
    close(p[0]);
    close(p[1]);
}

TEST("what was looked at too often in vain is given back, and the rest when the storm is over")
{
    struct pollfd p;
    uint64_t what;

    begin();
    EXPECT(hold_put(&h, MANY, -1, POLLOUT, 100));
    for (unsigned i = 0; i < HOLD_LOOKS; i++) {
        EXPECT(!hold_take(&h, HOLD_LOOKS, &p, &what));
        look(MANY, 0);
    }
    EXPECT(hold_put(&h, MANY, -1, POLLIN, 101));
    EXPECT(hold_take(&h, HOLD_LOOKS, &p, &what) && what == 100 && p.events == POLLOUT);
    EXPECT(!hold_take(&h, HOLD_LOOKS, &p, &what));
    EXPECT(hold_take(&h, 0, &p, &what) && what == 101 && p.events == POLLIN);
    EXPECT(!hold_take(&h, 0, &p, &what) && h.n == 0);
}

TEST("what is not wanted any more is dropped, and the others stay")
{
    begin();
    for (uint64_t i = 0; i < 3; i++)
        EXPECT(hold_put(&h, MANY, 3, POLLIN, i));
    EXPECT(hold_drop(&h, 1) && !hold_drop(&h, 1) && !hold_drop(&h, 7));
    EXPECT(hold_drop(&h, 0) && hold_drop(&h, 2) && h.n == 0);
}

TEST("one more than there is room for is not kept back")
{
    begin();
    for (uint64_t i = 0; i < HOLD_POLLS; i++)
        EXPECT(hold_put(&h, MANY, 3, POLLIN, i));
    EXPECT(!hold_put(&h, MANY, 3, POLLIN, HOLD_POLLS));
    EXPECT(h.n == HOLD_POLLS);
}

int main(void)
{
    return test_run();
}
