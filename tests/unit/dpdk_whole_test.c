/* Records are read when all of them is there, and nothing waits for what does not come. */
#include <string.h>
#include "dataplane/dpdk/packets.h"
#include "dataplane/dpdk/whole.h"
#include "tests/unit/test.h"

#define PARTS 256
#define ROOM  (256 * 1024)

static struct pbuf parts[PARTS];
static struct packets q;
static struct whole one;
static struct whole_all all;
static unsigned n_parts;

/* lwIP's is not linked: nothing is taken here. */
u8_t pbuf_free(struct pbuf *p)
{
    (void)p;
    return 0;
}

static void begin(uint32_t most)
{
    q = (struct packets){0};
    one = (struct whole){0};
    all = (struct whole_all){.most = most};
    n_parts = 0;
}

/* n bytes come, as one packet. */
static void come(const uint8_t *data, size_t n)
{
    struct pbuf *p = &parts[n_parts++];

    *p = (struct pbuf){.payload = (void *)(uintptr_t)data, .len = (u16_t)n, .tot_len = (u16_t)n};
    packets_add(&q, p);
}

/* A record with so many bytes behind its header. How many it has in all. */
static size_t record(uint8_t *to, size_t body)
{
    memset(to, 0xaa, 5 + body);
    memcpy(to, (uint8_t[]){23, 3, 3, (uint8_t)(body >> 8), (uint8_t)body}, 5);
    return 5 + body;
}

static size_t due(bool last)
{
    return whole_due(&one, &all, &q, true, last, ROOM);
}

TEST("three records, cut in two anywhere: what is read is those that are whole")
{
    static uint8_t stream[3 * 64];
    size_t ends[4] = {0}, n = 0, right = 0;

    for (unsigned i = 1; i < 4; i++)
        ends[i] = n += record(stream + n, 10 * i);
    for (size_t cut = 1; cut < n; cut++) {
        size_t whole = cut < ends[1] ? 0 : cut < ends[2] ? ends[1] : ends[2];

        begin(1000);
        come(stream, cut);
        right += due(false) == whole;
        come(stream + cut, n - cut);
        right += due(false) == n;
    }
    EXPECT(right == 2 * (n - 1));
}

TEST("a record that comes byte by byte is ready with its last one, and with none before")
{
    uint8_t r[64];
    size_t n = record(r, 40);
    unsigned early = 0;

    begin(1000);
    EXPECT(!whole_ready(&one, &all, &q) && due(false) == 0);
    for (size_t i = 0; i < n; i++) {
        early += whole_ready(&one, &all, &q);
        come(r + i, 1);
    }
    EXPECT(early == 0 && all.held == n - 1);
    EXPECT(whole_ready(&one, &all, &q) && all.held == 0 && due(false) == n);
}

TEST("bytes before the first record is known to begin, or inside of one, are read as they come")
{
    uint8_t r[64];

    record(r, 40);
    begin(1000);
    come(r, 20);
    EXPECT(whole_ready(&one, &all, &q));
    EXPECT(whole_due(&one, &all, &q, false, false, ROOM) == ROOM && all.held == 0);
    EXPECT(whole_ready(&one, &all, &q));
}

TEST("only as many whole records as there is room for")
{
    uint8_t r[128];
    size_t n = record(r, 40);

    record(r + n, 40);
    begin(1000);
    come(r, 2 * n);
    EXPECT(whole_due(&one, &all, &q, true, false, 2 * n - 1) == n);
}

TEST("a record in more small packets than one may hold back is read in parts")
{
    static uint8_t r[1005];

    record(r, 1000);
    begin(1000);
    due(false);
    for (unsigned i = 0; i < WHOLE_EACH; i++)
        come(r + i, 1);
    EXPECT(!whole_ready(&one, &all, &q) && all.held == WHOLE_EACH);
    come(r + WHOLE_EACH, 1);
    EXPECT(whole_ready(&one, &all, &q) && due(false) == ROOM && all.held == 0);
}

TEST("with as many held back by all as may be, the next is read in parts")
{
    uint8_t r[64];
    struct whole other = {0};

    record(r, 40);
    begin(3);
    come(r, 10);
    come(r + 10, 10);
    EXPECT(due(false) == 0 && all.held == 2);
    EXPECT(whole_due(&other, &all, &q, true, false, ROOM) == ROOM);
    EXPECT(all.held == 2 && !other.records);
    whole_end(&one, &all);
    EXPECT(all.held == 0);
}

TEST("what can not be a record, or is too long for one, is read at once")
{
    static const uint8_t wrong[][5] = {{24, 3, 3, 0, 9}, {23, 2, 3, 0, 9}, {23, 3, 3, 0x41, 1}};
    uint8_t r[64];
    size_t n = record(r, 20);

    for (unsigned i = 0; i < 3; i++) {
        begin(1000);
        due(false);
        come(wrong[i], 5);
        EXPECT(whole_ready(&one, &all, &q) && due(false) == 5);
    }
    begin(1000);
    come(wrong[0], 1);
    EXPECT(due(false) == 1);
    begin(1000);
    memcpy(r + n, wrong[0], 5);
    come(r, n + 5);
    EXPECT(due(false) == n + 5);
}

TEST("when no more comes, what is there of a record is read")
{
    uint8_t r[64];

    record(r, 40);
    begin(1000);
    come(r, 20);
    EXPECT(due(false) == 0 && all.held == 1);
    EXPECT(due(true) == ROOM && all.held == 0);
}

int main(void)
{
    return test_run();
}
