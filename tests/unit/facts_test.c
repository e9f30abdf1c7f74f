#include "dataplane/wire/facts.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

static uint8_t mem[1024];

static int get_facts(struct buf *b)
{
    struct peer_facts f;

    peer_facts_get(b, &f);
    return buf_done(b) ? 0 : -EPROTO;
}

static int get_negotiated(struct buf *b)
{
    struct negotiated n;

    negotiated_get(b, &n);
    return buf_done(b) ? 0 : -EPROTO;
}

TEST("facts have their golden bytes and are refused cut or longer")
{
    struct peer_facts f = sample_facts();
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    peer_facts_put(&b, &f);
    EXPECT(hex_equal(mem, b.len,
                     X32("aa") X32("bb") X32("cc") "0003612e62"
                                                   "0000"
                                                   "00023066"
                                                   "00054543323536"
                                                   "0000"
                                                   "0000000065000000"
                                                   "0000000064000000"
                                                   "0003"));
    EXPECT(only_whole(get_facts, mem, b.len));
}

TEST("facts come back with every string at its bound, and times before 1970")
{
    struct peer_facts f = sample_facts(), got;
    struct buf b, r;

    fill(f.name, sizeof f.name - 1, 'n');
    fill(f.common_name, sizeof f.common_name - 1, 'c');
    fill(f.serial, sizeof f.serial - 1, 'f');
    fill(f.key_alg, sizeof f.key_alg - 1, 'k');
    fill(f.sig_alg, sizeof f.sig_alg - 1, 's');
    f.not_after = -1;
    f.until = INT64_MIN;
    buf_init(&b, mem, sizeof mem);
    peer_facts_put(&b, &f);
    buf_init_read(&r, mem, b.len);
    peer_facts_get(&r, &got);
    EXPECT(buf_done(&r) && !strcmp(got.name, f.name) && !strcmp(got.common_name, f.common_name));
    EXPECT(!strcmp(got.serial, f.serial) && !strcmp(got.key_alg, f.key_alg));
    EXPECT(!strcmp(got.sig_alg, f.sig_alg) && got.not_after == -1 && got.until == INT64_MIN);
}

TEST("a name one byte beyond its bound is refused")
{
    static uint8_t name[256];
    struct buf b;

    memset(name, 'n', sizeof name);
    buf_init(&b, mem, sizeof mem);
    for (int i = 0; i < 12; i++)
        buf_put_u64(&b, 0);
    buf_put_u16(&b, sizeof name);
    buf_put_bytes(&b, name, sizeof name);
    buf_put_u64(&b, 0); /* four empty strings */
    buf_put_u64(&b, 0);
    buf_put_u64(&b, 0);
    buf_put_u16(&b, 0);
    EXPECT(decode(get_facts, mem, b.len) == -EPROTO);
}

TEST("what was negotiated has its golden bytes and is refused cut or longer")
{
    struct negotiated n = sample_negotiated(), got;
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    negotiated_put(&b, &n);
    EXPECT(hex_equal(mem, b.len,
                     "03041301"
                     "0006583235353139"
                     "000765643235353139"
                     "0000"
                     "000767772e74657374"));
    EXPECT(only_whole(get_negotiated, mem, b.len));
    buf_init_read(&r, mem, b.len);
    negotiated_get(&r, &got);
    EXPECT(buf_done(&r) && !memcmp(&got, &n, sizeof n));
}

TEST("an unknown suite, or a suite of the other version, was not negotiated")
{
    struct negotiated n = sample_negotiated();
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    negotiated_put(&b, &n);
    EXPECT(refuses(get_negotiated, mem, b.len, 1, 0x03)); /* 1.2 with a suite of 1.3 */
    EXPECT(refuses(get_negotiated, mem, b.len, 3, 0x04)); /* TLS_AES_128_CCM_SHA256 */
}

int main(void)
{
    return test_run();
}
