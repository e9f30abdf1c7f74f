#include "dataplane/wire/keywire.h"
#include "dataplane/wire/chan.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

DECODER(keywire_get_sign, struct keywire_sign);
DECODER(keywire_get_signed, struct keywire_signed);

static uint8_t mem[CHAN_BODY_MAX];
static uint8_t big[KEYWIRE_CONTENT_MAX + 1];

static struct buf writer(void)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    return b;
}

TEST("SIGN has its golden bytes, comes back, and is refused cut or longer")
{
    struct keywire_sign m = sample_sign(), got;
    struct buf b = writer(), r;

    keywire_put_sign(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "000000000000002a"
                     "0001"
                     "0403"
                     "00000003202000"));
    EXPECT(only_whole(decode_keywire_get_sign, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(keywire_get_sign(&r, &got) == 0);
    EXPECT(got.request == 7 && got.revision == 42 && got.identity == 1 && got.scheme == 0x0403);
    EXPECT(got.n_content == 3 && !memcmp(got.content, m.content, 3));
}

TEST("SIGN takes the longest transcript in one message and not a byte more")
{
    struct keywire_sign m = sample_sign();
    struct buf b = writer();

    m.content = big;
    m.n_content = KEYWIRE_CONTENT_MAX;
    keywire_put_sign(&b, &m);
    EXPECT(buf_ok(&b) && decode(decode_keywire_get_sign, mem, b.len) == 0);
    m.n_content++;
    b = writer();
    keywire_put_sign(&b, &m);
    EXPECT(!buf_ok(&b));
    b = writer();
    buf_put_bytes(&b, "\0\0\0\7\0\0\0\0\0\0\0\52\0\1\4\3", 16);
    buf_put_blob(&b, big, KEYWIRE_CONTENT_MAX + 1);
    EXPECT(decode(decode_keywire_get_sign, mem, b.len) == -EPROTO);
}

TEST("SIGNED has its golden bytes and is refused cut or longer")
{
    struct keywire_signed m = sample_signed(), got;
    struct buf b = writer(), r;

    keywire_put_signed(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "00000000"
                     "000000023000"));
    EXPECT(only_whole(decode_keywire_get_signed, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(keywire_get_signed(&r, &got) == 0 && got.request == 7 && got.n_signature == 2);
}

TEST("SIGNED is a signature or an error, never both, never neither")
{
    struct keywire_signed m = {.request = 7, .error = EPERM};
    struct buf b = writer();

    keywire_put_signed(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "00000001"
                     "00000000"));
    EXPECT(only_whole(decode_keywire_get_signed, mem, b.len));
    EXPECT(refuses(decode_keywire_get_signed, mem, b.len, 7, 0));    /* neither */
    EXPECT(refuses(decode_keywire_get_signed, mem, b.len, 4, 0x80)); /* negative */
    m = sample_signed();
    m.error = EIO;
    b = writer();
    keywire_put_signed(&b, &m);
    EXPECT(decode(decode_keywire_get_signed, mem, b.len) == -EPROTO);
}

TEST("SIGNED takes KEYWIRE_SIGNATURE_MAX bytes and not one more")
{
    struct keywire_signed m = {.signature = big, .n_signature = KEYWIRE_SIGNATURE_MAX};
    struct buf b = writer();

    keywire_put_signed(&b, &m);
    EXPECT(decode(decode_keywire_get_signed, mem, b.len) == 0);
    m.n_signature++;
    b = writer();
    keywire_put_signed(&b, &m);
    EXPECT(!buf_ok(&b));
    b = writer();
    buf_put_u64(&b, (uint64_t)7 << 32);
    buf_put_blob(&b, big, KEYWIRE_SIGNATURE_MAX + 1);
    EXPECT(decode(decode_keywire_get_signed, mem, b.len) == -EPROTO);
}

int main(void)
{
    return test_run();
}
