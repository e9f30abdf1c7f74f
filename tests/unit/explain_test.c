/* Do question and answer of an explanation cross whole, and nothing else? */
#include "dataplane/wire/explain.h"
#include "dataplane/wire/chan.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/test.h"

DECODER(explain_get_ask, struct explain_ask);
DECODER(explain_get_answer, struct explain_answer);

static uint8_t mem[CHAN_BODY_MAX];

static struct buf writer(void)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    return b;
}

TEST("a question has its golden bytes, and is refused cut or longer, or of a third side")
{
    static const uint8_t chain[] = {0, 0, 0, 2, 0x30, 0};
    struct explain_ask m = {true, "in", LEG_INNER, 42, chain, sizeof chain}, got;
    struct buf b = writer(), r;

    explain_put_ask(&b, &m);
    EXPECT(hex_equal(mem, b.len, "010002696e01000000000000002a00000006000000023000"));
    EXPECT(only_whole(decode_explain_get_ask, mem, b.len));
    EXPECT(refuses(decode_explain_get_ask, mem, b.len, 0, 2));
    EXPECT(refuses(decode_explain_get_ask, mem, b.len, 5, 2));
    buf_init_read(&r, mem, b.len);
    EXPECT(explain_get_ask(&r, &got) == 0 && !strcmp(got.link, "in") && got.at_s == 42);
    EXPECT(got.side == LEG_INNER && got.n_chain == 6 && !memcmp(got.chain, chain, 6));
}

TEST("an answer has its golden bytes: allowed by a rule, or refused for something")
{
    struct explain_answer yes = {
        .revision = 7, .known = true, .allow = true, .rule = 3, .until = 5};
    struct explain_answer no = {.revision = 7, .known = true, .n = 1}, got;
    struct buf b = writer(), r;

    explain_put_answer(&b, &yes);
    EXPECT(hex_equal(mem, b.len,
                     "0000000000000007010100030000000000000005"
                     "00"));
    EXPECT(only_whole(decode_explain_get_answer, mem, b.len));
    no.reasons[0].reason = REASON_UNKNOWN_CA;
    snprintf(no.reasons[0].text, sizeof no.reasons[0].text, "why");
    b = writer();
    explain_put_answer(&b, &no);
    EXPECT(only_whole(decode_explain_get_answer, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(explain_get_answer(&r, &got) == 0 && got.n == 1 && !strcmp(got.reasons[0].text, "why"));
}

TEST("a verdict that contradicts itself is refused")
{
    struct explain_answer odd[] = {
        {.known = true, .allow = true, .n = 1, .reasons = {{REASON_UNKNOWN_CA, "x"}}},
        {.known = true},
        {.allow = true},
        {.n = 1, .reasons = {{REASON_UNKNOWN_CA, "x"}}},
        {.known = true, .n = 1, .reasons = {{REASON_NONE, "x"}}},
        {.known = true, .n = 1, .reasons = {{REASON_COUNT, "x"}}},
    };

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct buf b = writer();

        explain_put_answer(&b, &odd[i]);
        EXPECT(decode(decode_explain_get_answer, mem, b.len) == -EPROTO);
    }
}

int main(void)
{
    return test_run();
}
