/* notice, notices: do rows cross as they are, and does nothing hold up whoever tells? */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/core/notices.h"
#include "dataplane/core/session.h"
#include "dataplane/core/worker.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/notice.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

static uint8_t mem[CHAN_HEADER + CHAN_BODY_MAX];

/* Exactly one row. */
static int get_one(struct buf *b, struct notice *m)
{
    int rc = notice_get(b, m);

    return rc ? rc : buf_left(b) ? -EPROTO : 0;
}
DECODER(get_one, struct notice);

static size_t put(const struct notice *m)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    notice_put(&b, m);
    return buf_ok(&b) ? b.len : 0;
}

TEST("a refusal, an end and a loss have their golden bytes, and are refused cut or longer")
{
    struct notice refused = sample_refused_notice(), ended = sample_ended_notice();
    struct notice lost = {.kind = NOTICE_LOST, .count = 9};
    char golden[512];
    size_t n;

    n = put(&refused);
    snprintf(golden, sizeof golden,
             "0100000000000003e80000000000000007000000000000002a0002696e00%04x00026e6f000178"
             "000b3132372e302e302e313a310000"
             "01%04x0002636100000006000000023000",
             REASON_UNKNOWN_CA, REASON_UNKNOWN_CA);
    EXPECT(hex_equal(mem, n, golden));
    EXPECT(only_whole(decode_get_one, mem, n));
    EXPECT(refuses(decode_get_one, mem, n, 0, 4));
    EXPECT(refuses(decode_get_one, mem, n, 29, 2)); /* a third side */
    n = put(&ended);
    snprintf(golden, sizeof golden,
             "0200000000000003e80000000000000007000000000000002a0002696e01%04x0000000178"
             "000b3132372e302e302e313a31000b3132372e302e302e313a32"
             "000000000000000100000000000000020000000000000003",
             REASON_REVOKED);
    EXPECT(hex_equal(mem, n, golden));
    EXPECT(only_whole(decode_get_one, mem, n));
    n = put(&lost);
    EXPECT(hex_equal(mem, n, "0300000009"));
    EXPECT(only_whole(decode_get_one, mem, n));
}

/* ---- the worker's side ---- */

static struct worker worker;

static void begin(struct session *s, struct notices *o, int *reader)
{
    int pair[2];

    memset(s, 0, sizeof *s);
    s->worker = &worker;
    s->reason = REASON_REVOKED;
    notices_init(o);
    EXPECT(chan_pair(pair) == 0);
    notices_attach(o, pair[0]);
    *reader = pair[1];
}

/* Rows of every message that waits: how many of a kind. */
static unsigned count(int reader, unsigned kind, uint32_t *lost)
{
    static struct notice row;
    struct chan_msg m;
    unsigned n = 0;

    while (chan_recv(reader, mem, sizeof mem, &m) == 1) {
        EXPECT(m.type == NOTICE_ROWS);
        while (buf_left(&m.body)) {
            EXPECT(notice_get(&m.body, &row) == 0);
            n += row.kind == kind;
            *lost += row.kind == NOTICE_LOST ? row.count : 0;
        }
    }
    return n;
}

TEST("rows of one turn go together, in few messages")
{
    struct chan_msg m;
    struct notices o;
    struct session s;
    uint32_t lost = 0;
    int reader;

    begin(&s, &o, &reader);
    for (int i = 0; i < 100; i++)
        notices_ended(&o, &s);
    notices_flush(&o);
    EXPECT(chan_recv(reader, mem, sizeof mem, &m) == 1 && buf_left(&m.body) > 99 * 50);
    EXPECT(chan_recv(reader, mem, sizeof mem, &m) == -EAGAIN);
    notices_flush(&o); /* nothing more */
    EXPECT(count(reader, NOTICE_ENDED, &lost) == 0 && lost == 0);
    notices_fini(&o);
    close(reader);
}

TEST("a reader who sleeps holds nobody up: what finds no room is counted, and told afterwards")
{
    const unsigned all = 200000;
    unsigned got = 0;
    struct notices o;
    struct session s;
    uint32_t lost = 0;
    int reader;

    begin(&s, &o, &reader);
    for (unsigned i = 0; i < all; i++) {
        notices_ended(&o, &s);
        if (i % 50 == 0)
            notices_flush(&o);
    }
    for (int i = 0; i < 20; i++) {
        got += count(reader, NOTICE_ENDED, &lost);
        notices_flush(&o);
    }
    EXPECT(got > 1000 && got < all && got + lost == all);
    notices_fini(&o);
    close(reader);
}

TEST("a chain larger than what goes together goes alone; without a reader nothing is kept")
{
    static uint8_t big[CHAIN_DER_MAX];
    struct handoff_failed failed = {.chain = big, .n_chain = sizeof big};
    struct notices o;
    struct session s;
    uint32_t lost = 0;
    int reader;

    begin(&s, &o, &reader);
    for (int i = 0; i < 3; i++)
        notices_refused(&o, &s, &failed);
    notices_flush(&o);
    EXPECT(count(reader, NOTICE_REFUSED, &lost) == 3 && lost == 0);
    close(reader);
    notices_refused(&o, &s, NULL);
    notices_flush(&o);
    EXPECT(o.fd == -1);
    notices_refused(&o, &s, NULL);
    EXPECT(o.n == 0 && o.lost == 0);
    notices_fini(&o);
}

int main(void)
{
    return test_run();
}
