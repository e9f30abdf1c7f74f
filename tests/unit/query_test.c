#include "dataplane/wire/query.h"
#include "dataplane/wire/handoff.h"
#include "dataplane/wire/chan.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

#define ROW_AT    10 /* in a page, behind the cursor and the number of rows */
#define ENGINE_AT 81 /* of the sample's outer leg, in a page of one row */
#define SUITE_AT  90

DECODER(query_get_number, uint64_t);
DECODER(query_get_page, struct query_page);
DECODER(query_get_peers, struct query_peers);
DECODER(query_get_stats, struct query_stats);
DECODER(query_get_ended, int32_t);

static uint8_t mem[CHAN_BODY_MAX];
static struct query_page page, got_page;
static struct query_stats stats, got_stats;

static size_t put_page(void)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    query_put_page(&b, &page);
    return buf_ok(&b) ? b.len : 0;
}

static size_t put_stats(void)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    query_put_stats(&b, &stats);
    return buf_ok(&b) ? b.len : 0;
}

static size_t put_one_row(void)
{
    memset(&page, 0, sizeof page);
    page.next = 5;
    page.n_rows = 1;
    page.rows[0] = sample_session();
    return put_page();
}

/* clang-format off */
#define PAGE_GOLDEN \
    "0000000000000005" "0001" \
    "0102030405060708" "0003706179" "000770756d70696e67" \
    "00000000000003e8" "000000000000000a" "0000000000000005" "0000000000000006" \
    "000f3139322e302e322e313a3530303030" "02" "01" "00036f6c64" "0304" "1302" \
    "0006583235353139" "0003612e62" X32("aa") "00000001" "00000000" \
    "000d756e69783a2f72756e2f617070" "00" "00" "0000" "0000" "0000" \
    "0000" "0000" X32("00") "00000000" "00000000"
/* clang-format on */

TEST("a page has its golden bytes and is refused cut or longer")
{
    size_t n = put_one_row();

    EXPECT(hex_equal(mem, n, PAGE_GOLDEN));
    EXPECT(only_whole(decode_query_get_page, mem, n));
}

TEST("a page comes back")
{
    const struct query_session *row = &got_page.rows[0];
    size_t n = put_one_row();
    struct buf r;

    buf_init_read(&r, mem, n);
    EXPECT(query_get_page(&r, &got_page) == 0 && got_page.next == 5 && got_page.n_rows == 1);
    EXPECT(row->id == SAMPLE_SESSION && !strcmp(row->link, "pay") && row->age_ms == 1000);
    EXPECT(addr_equal(&row->outer.addr, &page.rows[0].outer.addr));
    EXPECT(row->outer.engine_rx == LEG_KTLS && row->outer.engine_tx == LEG_SOFT);
    EXPECT(row->outer.suite == 0x1302 && row->outer.keyupdates_rx == 1);
    EXPECT(!strcmp(row->outer.peer, "a.b") && row->inner.suite == 0);
}

TEST("an unknown engine, an unknown suite, or a version without a suite is refused")
{
    size_t n = put_one_row();

    EXPECT(mem[ENGINE_AT] == LEG_KTLS && mem[SUITE_AT] == 0x13);
    EXPECT(refuses(decode_query_get_page, mem, n, ENGINE_AT, LEG_DPDK + 1));
    EXPECT(refuses(decode_query_get_page, mem, n, ENGINE_AT + 1, 0xff));
    EXPECT(refuses(decode_query_get_page, mem, n, SUITE_AT + 1, 0x09));
    page.rows[0].inner.version = TLS13;
    n = put_page();
    EXPECT(decode(decode_query_get_page, mem, n) == -EPROTO);
}

TEST("a leg that has no address yet says so")
{
    size_t n;

    put_one_row();
    page.rows[0].inner.addr.len = 0;
    n = put_page();
    EXPECT(decode(decode_query_get_page, mem, n) == 0);
}

static void fill_leg(struct query_leg *l)
{
    char text[ADDR_TEXT_MAX];

    fill(text, 112, 'p');
    memcpy(text, "unix:/", 6);
    l->addr = sample_addr(text);
    fill(l->why, sizeof l->why - 1, 'w');
    fill(l->group, sizeof l->group - 1, 'g');
    fill(l->peer, sizeof l->peer - 1, 'p');
}

TEST("64 rows of the greatest size fit in one message")
{
    struct buf r;
    size_t n;

    put_one_row();
    fill(page.rows[0].link, sizeof page.rows[0].link - 1, 'l');
    fill(page.rows[0].state, sizeof page.rows[0].state - 1, 's');
    fill_leg(&page.rows[0].outer);
    fill_leg(&page.rows[0].inner);
    page.n_rows = QUERY_PAGE_ROWS;
    for (unsigned i = 1; i < QUERY_PAGE_ROWS; i++)
        page.rows[i] = page.rows[0];
    n = put_page();
    buf_init_read(&r, mem, n);
    EXPECT(n > 0 && query_get_page(&r, &got_page) == 0);
    EXPECT(!strcmp(got_page.rows[63].inner.peer, page.rows[0].inner.peer));
}

TEST("65 rows can be neither written nor read")
{
    size_t n = put_one_row(), row = n - ROW_AT;

    for (unsigned i = 1; i <= QUERY_PAGE_ROWS; i++)
        memcpy(mem + ROW_AT + i * row, mem + ROW_AT, row);
    mem[ROW_AT - 1] = QUERY_PAGE_ROWS;
    EXPECT(decode(decode_query_get_page, mem, ROW_AT + QUERY_PAGE_ROWS * row) == 0);
    mem[ROW_AT - 1]++;
    EXPECT(decode(decode_query_get_page, mem, ROW_AT + (QUERY_PAGE_ROWS + 1) * row) == -EPROTO);
    page.n_rows = QUERY_PAGE_ROWS + 1;
    EXPECT(put_page() == 0);
}

TEST("stats have their golden bytes and are refused cut or longer")
{
    size_t n, head = 4 + 4 + 2 + 5 + 8 + 40;

    memset(&stats, 0, sizeof stats);
    stats = (struct query_stats){.first = 1, .total = 2, .n_links = 1, .stale_ids = 3};
    stats.links[0] = (struct query_link_stats){"pay", 1, 2, 3, 4, 5, 6, 7};
    stats.reasons[REASON_CLOSED] = 9;
    n = put_stats();
    EXPECT(n == head + 8 * REASON_COUNT + 8 + 2);
    EXPECT(hex_equal(mem, head + 16,
                     "00000001"
                     "00000002"
                     "0001"
                     "0003706179"
                     "00000001"
                     "00000002"
                     "0000000000000003"
                     "0000000000000004"
                     "0000000000000005"
                     "0000000000000006"
                     "0000000000000007"
                     "0000000000000000"
                     "0000000000000009"));
    EXPECT(hex_equal(mem + n - 10, 10, "00000000000000030000"));
    EXPECT(only_whole(decode_query_get_stats, mem, n));
}

TEST("ports in stats have their golden bytes, and more than there may be are neither written nor "
     "read")
{
    size_t n;

    memset(&stats, 0, sizeof stats);
    stats.n_ports = 1;
    stats.ports[0] = (struct query_port_stats){"out", {[FRAMES_RECEIVED] = 5, [FRAMES_LANE] = 6}};
    n = put_stats();
    EXPECT(hex_equal(mem + n - 8 * FRAMES_COUNTS - 7, 15,
                     "000100036f7574"
                     "0000000000000005"));
    EXPECT(hex_equal(mem + n - 8, 8, "0000000000000006"));
    EXPECT(only_whole(decode_query_get_stats, mem, n));
    EXPECT(
        refuses(decode_query_get_stats, mem, n, n - 8 * FRAMES_COUNTS - 6, POLICY_PORTS_MAX + 1));
    EXPECT(!strcmp(query_frames_name(FRAMES_LANE), "lane") && query_frames_name(FRAMES_COUNTS));
}

TEST("stats whose links lie beyond the total are refused; a page without links may begin anywhere")
{
    size_t n;

    memset(&stats, 0, sizeof stats);
    stats = (struct query_stats){.first = 1, .total = 2, .n_links = 1};
    n = put_stats();
    EXPECT(refuses(decode_query_get_stats, mem, n, 3, 2));
    EXPECT(refuses(decode_query_get_stats, mem, n, 0, 0xff));
    EXPECT(refuses(decode_query_get_stats, mem, n, 7, 1));
    stats = (struct query_stats){.first = 7, .total = 2};
    n = put_stats();
    EXPECT(decode(decode_query_get_stats, mem, n) == 0);
}

TEST("256 links fit in one message, 257 can be neither written nor read")
{
    struct buf r;
    size_t n;

    memset(&stats, 0, sizeof stats);
    stats.n_links = stats.total = QUERY_LINKS_MAX;
    for (unsigned i = 0; i < QUERY_LINKS_MAX; i++)
        fill(stats.links[i].link, sizeof stats.links[i].link - 1, 'l');
    n = put_stats();
    buf_init_read(&r, mem, n);
    EXPECT(n > 0 && query_get_stats(&r, &got_stats) == 0 && got_stats.n_links == QUERY_LINKS_MAX);
    mem[9]++;
    EXPECT(decode(decode_query_get_stats, mem, n) == -EPROTO);
    stats.n_links++;
    EXPECT(put_stats() == 0);
}

TEST("questions are a number; ENDED is 0 or an errno")
{
    struct buf b, r;
    int32_t error = 0;

    buf_init(&b, mem, sizeof mem);
    query_put_number(&b, 0x0102030405060708);
    EXPECT(hex_equal(mem, b.len, "0102030405060708"));
    EXPECT(only_whole(decode_query_get_number, mem, b.len));
    buf_init(&b, mem, sizeof mem);
    query_put_ended(&b, ENOENT);
    EXPECT(hex_equal(mem, b.len, "00000002"));
    EXPECT(only_whole(decode_query_get_ended, mem, b.len));
    EXPECT(refuses(decode_query_get_ended, mem, b.len, 0, 0xff));
    buf_init_read(&r, mem, b.len);
    EXPECT(query_get_ended(&r, &error) == 0 && error == ENOENT);
}

TEST("engines have names, and any number is safe")
{
    EXPECT(!strcmp(leg_engine_name(LEG_PLAIN), "plain"));
    EXPECT(!strcmp(leg_engine_name(LEG_SOFT), "soft"));
    EXPECT(!strcmp(leg_engine_name(LEG_KTLS), "ktls"));
    EXPECT(!strcmp(leg_engine_name(LEG_DPDK), "dpdk"));
    EXPECT(!strcmp(leg_engine_name(LEG_DPDK + 1), "unknown"));
    EXPECT(!strcmp(leg_engine_name(255), "unknown"));
}

TEST("a page of peers has its golden bytes, with each chain, and is refused cut or longer")
{
    static const uint8_t chain[] = {0, 0, 0, 2, 0x30, 0};
    static struct query_peers m = {.next = 5, .n = 1}, got;
    struct buf b, r;

    m.rows[0] = (struct query_peer){.link = "in",
                                    .side = LEG_INNER,
                                    .facts = sample_facts(),
                                    .chain = chain,
                                    .n_chain = sizeof chain};
    buf_init(&b, mem, sizeof mem);
    query_put_peers(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "000000000000000500010002696e01"
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                     "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
                     "0003612e6200000002306600054543323536"
                     "0000"
                     "0000000065000000000000006400000000"
                     "03"
                     "00000006000000023000"));
    EXPECT(only_whole(decode_query_get_peers, mem, b.len));
    EXPECT(refuses(decode_query_get_peers, mem, b.len, 14, 2));
    EXPECT(refuses(decode_query_get_peers, mem, b.len, 9, QUERY_PEERS_ROWS + 1));
    buf_init_read(&r, mem, b.len);
    EXPECT(!query_get_peers(&r, &got) && got.next == 5 && got.n == 1);
    EXPECT(!strcmp(got.rows[0].facts.name, "a.b") && got.rows[0].n_chain == 6);
    m.n = QUERY_PEERS_ROWS + 1;
    buf_init(&b, mem, sizeof mem);
    query_put_peers(&b, &m);
    EXPECT(!buf_ok(&b));
}

int main(void)
{
    return test_run();
}
