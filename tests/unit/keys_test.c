#include "dataplane/wire/keys.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

static uint8_t mem[256];

static int get_keys(struct buf *b)
{
    struct traffic_keys k;

    traffic_keys_get(b, &k);
    return buf_done(b) ? 0 : -EPROTO;
}

static bool is_wiped(const struct traffic_keys *k)
{
    static const struct traffic_keys empty;

    return !memcmp(k, &empty, sizeof empty);
}

static size_t put_keys(const struct traffic_keys *k)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    traffic_keys_put(&b, k);
    return buf_ok(&b) ? b.len : 0;
}

TEST("TLS 1.3 keys travel as suite, sequence number and secret")
{
    struct traffic_keys sha256 = sample_keys(0x1303, 0x5e), sha384 = sample_keys(0x1302, 0x5e);
    size_t n = put_keys(&sha256);

    EXPECT(hex_equal(mem, n,
                     "1303"
                     "0000000000000001" X32("5e")));
    EXPECT(only_whole(get_keys, mem, n));
    n = put_keys(&sha384);
    EXPECT(hex_equal(mem, n,
                     "1302"
                     "0000000000000001" X48("5e")));
    EXPECT(only_whole(get_keys, mem, n));
}

TEST("TLS 1.2 keys travel as suite, sequence number, key and IV")
{
    struct traffic_keys gcm = sample_keys(0xc02b, 0x5e), chacha = sample_keys(0xcca8, 0x5e);
    size_t n = put_keys(&gcm);

    EXPECT(hex_equal(mem, n,
                     "c02b"
                     "0000000000000001" X8("5e") X8("5e") X4("5e")));
    EXPECT(only_whole(get_keys, mem, n));
    n = put_keys(&chacha);
    EXPECT(hex_equal(mem, n,
                     "cca8"
                     "0000000000000001" X32("5e") X8("5e") X4("5e")));
    EXPECT(only_whole(get_keys, mem, n));
}

TEST("keys of every suite come back, at epoch 0 and with the last sequence number")
{
    const struct suite *s;

    for (size_t i = 0; (s = suite_at(i)); i++) {
        struct traffic_keys k = sample_keys(s->id, 0x77), got;
        struct buf r;
        size_t n;

        k.seq = UINT64_MAX;
        k.epoch = 9;
        n = put_keys(&k);
        buf_init_read(&r, mem, n);
        traffic_keys_get(&r, &got);
        EXPECT(buf_done(&r) && got.suite == s && got.seq == UINT64_MAX && got.epoch == 0);
        if (s->version == TLS13)
            EXPECT(!memcmp(got.secret, k.secret, s->hash_len));
        else
            EXPECT(!memcmp(got.key, k.key, s->key_len) && !memcmp(got.iv, k.iv, s->iv_len));
    }
}

TEST("keys of an unknown suite are refused and leave nothing behind")
{
    struct traffic_keys k = sample_keys(0x1301, 0x5e), got;
    size_t n = put_keys(&k);
    struct buf r;

    mem[1] = 0x09;
    memset(&got, 0x5a, sizeof got);
    buf_init_read(&r, mem, n);
    traffic_keys_get(&r, &got);
    EXPECT(!buf_ok(&r) && is_wiped(&got));
}

TEST("keys that are cut leave nothing behind")
{
    struct traffic_keys k = sample_keys(0xc030, 0x5e), got;
    size_t n = put_keys(&k);
    bool wiped = true;
    struct buf r;

    for (size_t cut = 0; cut < n; cut++) {
        memset(&got, 0x5a, sizeof got);
        buf_init_read(&r, mem, cut);
        traffic_keys_get(&r, &got);
        wiped = wiped && !buf_ok(&r) && is_wiped(&got);
    }
    EXPECT(wiped);
}

TEST("empty keys can not be sent")
{
    struct traffic_keys none = {0};
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    traffic_keys_put(&b, &none);
    EXPECT(!buf_ok(&b));
}

TEST("keys move: what is left behind is empty")
{
    struct traffic_keys from = sample_keys(0x1302, 0x5e), same = from, to;

    traffic_keys_move(&to, &from);
    EXPECT(!memcmp(&to, &same, sizeof to) && is_wiped(&from));
    traffic_keys_wipe(&to);
    EXPECT(is_wiped(&to));
}

int main(void)
{
    return test_run();
}
