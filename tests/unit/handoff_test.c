#include "dataplane/wire/handoff.h"
#include "dataplane/wire/chan.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

#define ID    "0102030405060708"
#define CHAIN "00000006000000023000"

DECODER(handoff_get_open, struct handoff_open);
DECODER(handoff_get_feed, struct handoff_feed);
DECODER(handoff_get_id, struct handoff_id);
DECODER(handoff_get_link, struct handoff_link);
DECODER(handoff_get_step, struct handoff_step);
DECODER(handoff_get_keyed, struct handoff_keyed);
DECODER(handoff_get_failed, struct handoff_failed);
DECODER(handoff_get_judge, struct handoff_judge);
DECODER(handoff_get_judged, struct handoff_judged);

static uint8_t mem[CHAN_BODY_MAX];
static uint8_t big[HANDOFF_SEND_MAX + 1];

static struct buf writer(void)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    return b;
}

static bool all_zero(const void *p, size_t n)
{
    const uint8_t *byte = p;

    for (size_t i = 0; i < n; i++)
        if (byte[i])
            return false;
    return true;
}

TEST("OPEN has its golden bytes, comes back, and is refused cut or longer")
{
    struct handoff_open m = sample_open(), got;
    struct buf b = writer(), r;

    handoff_put_open(&b, &m);
    EXPECT(hex_equal(mem, b.len, ID "00000000000000002a0001ffff0000000000051603010000"));
    buf_init_read(&r, mem, b.len);
    EXPECT(handoff_get_open(&r, &got) == 0);
    EXPECT(got.id.session == SAMPLE_SESSION && got.id.leg == LEG_OUTER && got.revision == 42);
    EXPECT(got.listener == 1 && got.link == HANDOFF_LINK_ANY && !got.alpn[0]);
    EXPECT(got.n_records == 5 && !memcmp(got.records, m.records, 5));
    EXPECT(only_whole(decode_handoff_get_open, mem, b.len));
    EXPECT(refuses(decode_handoff_get_open, mem, b.len, 8, 2)); /* a third leg */
}

TEST("OPEN of a client leg names its link and carries no record")
{
    struct handoff_open m = sample_open_inner();
    struct buf b = writer();

    handoff_put_open(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     ID "01000000000000002a00000003"
                        "0002683200000000"));
    EXPECT(only_whole(decode_handoff_get_open, mem, b.len));
    m.link = HANDOFF_LINK_ANY;
    b = writer();
    handoff_put_open(&b, &m);
    EXPECT(decode(decode_handoff_get_open, mem, b.len) == -EPROTO);
    m = sample_open_inner();
    m.records = (const uint8_t *)"\x16";
    m.n_records = 1;
    b = writer();
    handoff_put_open(&b, &m);
    EXPECT(decode(decode_handoff_get_open, mem, b.len) == -EPROTO);
}

TEST("OPEN of a server leg without a record is refused")
{
    struct handoff_open m = sample_open();
    struct buf b = writer();

    m.n_records = 0;
    handoff_put_open(&b, &m);
    EXPECT(decode(decode_handoff_get_open, mem, b.len) == -EPROTO);
}

TEST("OPEN and FEED take HANDOFF_FEED_MAX bytes and an ALPN of 63, and not one more")
{
    struct handoff_open m = sample_open();
    struct handoff_feed f = {.id = m.id, .records = big, .n_records = HANDOFF_FEED_MAX};
    struct buf b = writer();

    fill(m.alpn, sizeof m.alpn - 1, 'a');
    m.records = big;
    m.n_records = HANDOFF_FEED_MAX;
    handoff_put_open(&b, &m);
    EXPECT(decode(decode_handoff_get_open, mem, b.len) == 0);
    b = writer();
    handoff_put_feed(&b, &f);
    EXPECT(decode(decode_handoff_get_feed, mem, b.len) == 0);
    f.n_records = m.n_records = HANDOFF_FEED_MAX + 1;
    b = writer();
    handoff_put_feed(&b, &f);
    EXPECT(!buf_ok(&b));
    b = writer();
    handoff_put_open(&b, &m);
    EXPECT(!buf_ok(&b));
}

TEST("an OPEN with an ALPN of 64 bytes, or records beyond the bound, is refused by its reader")
{
    struct buf b = writer();

    buf_put_bytes(&b,
                  "\1\2\3\4\5\6\7\10\1"
                  "\0\0\0\0\0\0\0\52"
                  "\0\0"
                  "\0\3",
                  21);
    buf_put_u16(&b, 64);
    buf_put_bytes(&b, big, 64);
    memset(mem + 23, 'a', 64);
    buf_put_u32(&b, 0);
    EXPECT(decode(decode_handoff_get_open, mem, b.len) == -EPROTO);
    b = writer();
    buf_put_u64(&b, SAMPLE_SESSION);
    buf_put_u8(&b, LEG_OUTER);
    buf_put_blob(&b, big, HANDOFF_FEED_MAX + 1);
    EXPECT(decode(decode_handoff_get_feed, mem, b.len) == -EPROTO);
}

TEST("FEED has its golden bytes and is never empty")
{
    struct handoff_feed m = {.id = sample_id(LEG_INNER), .records = (const uint8_t *)"\x17", 1};
    struct buf b = writer();

    handoff_put_feed(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     ID "01"
                        "0000000117"));
    EXPECT(only_whole(decode_handoff_get_feed, mem, b.len));
    m.n_records = 0;
    b = writer();
    handoff_put_feed(&b, &m);
    EXPECT(decode(decode_handoff_get_feed, mem, b.len) == -EPROTO);
}

TEST("GO, NO and CLOSE are an id and nothing else")
{
    struct handoff_id m = sample_id(LEG_INNER), got;
    struct buf b = writer(), r;

    handoff_put_id(&b, &m);
    EXPECT(hex_equal(mem, b.len, ID "01"));
    EXPECT(only_whole(decode_handoff_get_id, mem, b.len));
    EXPECT(refuses(decode_handoff_get_id, mem, b.len, 8, 0xff));
    buf_init_read(&r, mem, b.len);
    EXPECT(handoff_get_id(&r, &got) == 0 && got.session == m.session && got.leg == LEG_INNER);
}

TEST("LINK names a link: \"any\" is no answer")
{
    struct handoff_link m = {.id = sample_id(LEG_OUTER), .link = 0x1234};
    struct buf b = writer();

    handoff_put_link(&b, &m);
    EXPECT(hex_equal(mem, b.len, ID "001234"));
    EXPECT(only_whole(decode_handoff_get_link, mem, b.len));
    m.link = HANDOFF_LINK_ANY;
    b = writer();
    handoff_put_link(&b, &m);
    EXPECT(decode(decode_handoff_get_link, mem, b.len) == -EPROTO);
}

TEST("STEP carries from none to HANDOFF_SEND_MAX bytes")
{
    struct handoff_step m = {.id = sample_id(LEG_OUTER)}, got;
    struct buf b = writer(), r;

    handoff_put_step(&b, &m);
    EXPECT(hex_equal(mem, b.len, ID "0000000000"));
    EXPECT(only_whole(decode_handoff_get_step, mem, b.len));
    m.send = big;
    m.n_send = HANDOFF_SEND_MAX;
    b = writer();
    handoff_put_step(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(handoff_get_step(&r, &got) == 0 && got.n_send == HANDOFF_SEND_MAX);
    m.n_send++;
    b = writer();
    handoff_put_step(&b, &m);
    EXPECT(!buf_ok(&b));
}

/* clang-format off */
#define KEYED_GOLDEN \
    ID "00" "00000000" "0000004a" \
    "1301" "0000000000000001" X32("11") \
    "1301" "0000000000000001" X32("22") \
    "03041301" "0006583235353139" "000765643235353139" "0000" "000767772e74657374" \
    X32("aa") X32("bb") X32("cc") \
    "0003612e62" "0000" "00023066" "00054543323536" "0000" \
    "0000000065000000" "0000000064000000" "0003" \
    CHAIN
/* clang-format on */

TEST("KEYED has its golden bytes and is refused cut or longer")
{
    struct handoff_keyed m = sample_keyed();
    struct buf b = writer();

    handoff_put_keyed(&b, &m);
    EXPECT(hex_equal(mem, b.len, KEYED_GOLDEN));
    EXPECT(only_whole(decode_handoff_get_keyed, mem, b.len));
}

TEST("KEYED comes back whole, at epoch 0")
{
    struct handoff_keyed m = sample_keyed(), got;
    struct buf b = writer(), r;

    handoff_put_keyed(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(handoff_get_keyed(&r, &got) == 0);
    EXPECT(got.consumed == 74 && got.rx.suite == m.rx.suite && got.tx.suite == m.tx.suite);
    EXPECT(!memcmp(got.rx.secret, m.rx.secret, 32) && !memcmp(got.tx.secret, m.tx.secret, 32));
    EXPECT(got.rx.seq == 1 && got.rx.epoch == 0);
    EXPECT(!strcmp(got.negotiated.group, "X25519") && !strcmp(got.facts.name, "a.b"));
    EXPECT(got.facts.until == 0x64000000 && got.facts.rule == 3);
    EXPECT(got.n_chain == 6 && !memcmp(got.chain, m.chain, 6));
}

TEST("a KEYED that is cut anywhere leaves no key byte behind")
{
    struct handoff_keyed m = sample_keyed(), got;
    struct buf b = writer(), r;
    bool wiped = true;

    handoff_put_keyed(&b, &m);
    for (size_t cut = 0; cut < b.len; cut++) {
        memset(&got, 0x5a, sizeof got);
        buf_init_read(&r, mem, cut);
        wiped = wiped && handoff_get_keyed(&r, &got) == -EPROTO &&
                all_zero(&got.rx, sizeof got.rx) && all_zero(&got.tx, sizeof got.tx);
    }
    EXPECT(wiped);
}

TEST("KEYED with two suites, another suite than was agreed, or another version, is refused")
{
    struct handoff_keyed m = sample_keyed();
    struct buf b = writer();

    m.tx = sample_keys(0x1303, 0x22);
    handoff_put_keyed(&b, &m);
    EXPECT(decode(decode_handoff_get_keyed, mem, b.len) == -EPROTO);
    m = sample_keyed();
    m.negotiated.suite = 0x1303;
    b = writer();
    handoff_put_keyed(&b, &m);
    EXPECT(decode(decode_handoff_get_keyed, mem, b.len) == -EPROTO);
    m = sample_keyed();
    m.negotiated.version = TLS12;
    b = writer();
    handoff_put_keyed(&b, &m);
    EXPECT(decode(decode_handoff_get_keyed, mem, b.len) == -EPROTO);
}

TEST("KEYED that used more bytes than a message can feed is refused")
{
    struct handoff_keyed m = sample_keyed();
    struct buf b = writer();

    m.consumed = HANDOFF_FEED_MAX;
    handoff_put_keyed(&b, &m);
    EXPECT(decode(decode_handoff_get_keyed, mem, b.len) == 0);
    m.consumed++;
    b = writer();
    handoff_put_keyed(&b, &m);
    EXPECT(decode(decode_handoff_get_keyed, mem, b.len) == -EPROTO);
}

TEST("the largest KEYED fits in one message")
{
    struct handoff_keyed m = sample_keyed();
    struct buf b = writer();

    m.rx = m.tx = sample_keys(0x1302, 0x33);
    m.negotiated.suite = 0x1302;
    fill(m.negotiated.group, sizeof m.negotiated.group - 1, 'g');
    fill(m.negotiated.sig_scheme, sizeof m.negotiated.sig_scheme - 1, 's');
    fill(m.negotiated.alpn, sizeof m.negotiated.alpn - 1, 'a');
    fill(m.negotiated.server_name, sizeof m.negotiated.server_name - 1, 'n');
    fill(m.facts.name, sizeof m.facts.name - 1, 'n');
    fill(m.facts.common_name, sizeof m.facts.common_name - 1, 'c');
    fill(m.facts.serial, sizeof m.facts.serial - 1, 'f');
    fill(m.facts.key_alg, sizeof m.facts.key_alg - 1, 'k');
    fill(m.facts.sig_alg, sizeof m.facts.sig_alg - 1, 'l');
    m.send = m.chain = big;
    m.n_send = HANDOFF_SEND_MAX;
    m.n_chain = CHAIN_DER_MAX;
    handoff_put_keyed(&b, &m);
    EXPECT(buf_ok(&b) && b.len <= CHAN_BODY_MAX);
    EXPECT(decode(decode_handoff_get_keyed, mem, b.len) == 0);
    m.n_chain++;
    b = writer();
    handoff_put_keyed(&b, &m);
    EXPECT(!buf_ok(&b));
}

TEST("FAILED has its golden bytes, a reason of the table, and never \"none\"")
{
    struct handoff_failed m = sample_failed(), got;
    struct buf b = writer(), r;
    char golden[128];

    handoff_put_failed(&b, &m);
    snprintf(golden, sizeof golden,
             ID "000000000715030300020230ffff%04x00026e6f00017801%04x00026361" CHAIN,
             REASON_UNKNOWN_CA, REASON_UNKNOWN_CA);
    EXPECT(hex_equal(mem, b.len, golden));
    EXPECT(only_whole(decode_handoff_get_failed, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(handoff_get_failed(&r, &got) == 0 && got.reason == REASON_UNKNOWN_CA);
    EXPECT(got.n_send == 7 && !strcmp(got.text, "no") && !strcmp(got.peer, "x"));
    EXPECT(refuses(decode_handoff_get_failed, mem, b.len, 23, REASON_NONE));
    EXPECT(refuses(decode_handoff_get_failed, mem, b.len, 23, REASON_COUNT));
    EXPECT(refuses(decode_handoff_get_failed, mem, b.len, 22, 1));
    EXPECT(got.n_reasons == 1 && !strcmp(got.reasons[0].text, "ca") && got.n_chain == 6);
    EXPECT(refuses(decode_handoff_get_failed, mem, b.len, 31, HANDOFF_REASONS + 1));
}

TEST("FAILED takes texts up to their bounds and refuses a NUL inside one")
{
    struct handoff_failed m = sample_failed();
    struct buf b = writer();

    m.n_reasons = 0;
    m.n_chain = 0;
    fill(m.text, sizeof m.text - 1, 't');
    fill(m.peer, sizeof m.peer - 1, 'p');
    handoff_put_failed(&b, &m);
    EXPECT(decode(decode_handoff_get_failed, mem, b.len) == 0);
    EXPECT(refuses(decode_handoff_get_failed, mem, b.len, b.len - 6, 0));
}

TEST("JUDGE has its golden bytes and knows two sides")
{
    struct handoff_judge m = sample_judge();
    struct buf b = writer();

    handoff_put_judge(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "0000000000000009"
                     "000000000000002a"
                     "0003"
                     "01" CHAIN));
    EXPECT(only_whole(decode_handoff_get_judge, mem, b.len));
    EXPECT(refuses(decode_handoff_get_judge, mem, b.len, 18, 2));
    m.chain = big;
    m.n_chain = CHAIN_DER_MAX + 1;
    b = writer();
    handoff_put_judge(&b, &m);
    EXPECT(!buf_ok(&b));
}

TEST("JUDGED has its golden bytes: allowed without a reason, denied with one")
{
    struct handoff_judged m = sample_judged(true);
    struct buf b = writer();

    handoff_put_judged(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "0000000000000009"
                     "000000000000002a"
                     "01"
                     "0000"
                     "0000000064000000"
                     "0001"
                     "0000"));
    EXPECT(only_whole(decode_handoff_get_judged, mem, b.len));
    EXPECT(refuses(decode_handoff_get_judged, mem, b.len, 16, 2));
    EXPECT(refuses(decode_handoff_get_judged, mem, b.len, 16, 0)); /* denied for nothing */
    EXPECT(refuses(decode_handoff_get_judged, mem, b.len, 18, REASON_REVOKED));
    m = sample_judged(false);
    b = writer();
    handoff_put_judged(&b, &m);
    EXPECT(only_whole(decode_handoff_get_judged, mem, b.len));
}

int main(void)
{
    return test_run();
}
