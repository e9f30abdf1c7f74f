#include "dataplane/wire/control.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

DECODER(control_get_channel, struct control_channel);
DECODER(control_get_attach, struct control_attach);
DECODER(control_get_number, uint64_t);
DECODER(control_get_load, struct control_load);
DECODER(control_get_open, struct control_open);
DECODER(control_get_result, struct control_result);
DECODER(control_get_refused, struct control_refused);
DECODER(control_get_dial, struct control_dial);

static uint8_t mem[4096];

static struct buf writer(void)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    return b;
}

TEST("CHANNEL has its golden bytes and a known kind")
{
    struct control_channel m = {.kind = CHANNEL_QUERY, .index = 2}, got;
    struct buf b = writer(), r;

    control_put_channel(&b, &m);
    EXPECT(hex_equal(mem, b.len, "030002"));
    EXPECT(only_whole(decode_control_get_channel, mem, b.len));
    EXPECT(refuses(decode_control_get_channel, mem, b.len, 0, CHANNEL_KINDS));
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_channel(&r, &got) == 0 && got.kind == CHANNEL_QUERY && got.index == 2);
}

TEST("ATTACH has its golden bytes and a known kind")
{
    struct control_attach m = {42, ATTACH_KEY, 0x01020304, 7}, got;
    struct buf b = writer(), r;

    control_put_attach(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "000000000000002a"
                     "04"
                     "01020304"
                     "00000007"));
    EXPECT(only_whole(decode_control_get_attach, mem, b.len));
    EXPECT(refuses(decode_control_get_attach, mem, b.len, 8, ATTACH_KINDS));
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_attach(&r, &got) == 0 && got.revision == 42 && got.kind == ATTACH_KEY);
    EXPECT(got.index == 0x01020304 && got.token == 7);
}

TEST("a number is eight bytes")
{
    struct buf b = writer(), r;
    uint64_t got = 0;

    control_put_number(&b, UINT64_MAX - 1);
    EXPECT(hex_equal(mem, b.len, "fffffffffffffffe"));
    EXPECT(only_whole(decode_control_get_number, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_number(&r, &got) == 0 && got == UINT64_MAX - 1);
}

TEST("LOAD has its golden bytes and resumes or does not")
{
    struct control_load m = {.revision = 42, .resume = true, .name = "a.json"}, got;
    struct buf b = writer(), r;

    control_put_load(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "000000000000002a"
                     "01"
                     "0006612e6a736f6e"));
    EXPECT(only_whole(decode_control_get_load, mem, b.len));
    EXPECT(refuses(decode_control_get_load, mem, b.len, 8, 2));
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_load(&r, &got) == 0 && got.resume && !strcmp(got.name, "a.json"));
}

TEST("OPEN has its golden bytes and a known kind")
{
    struct control_open m = {.token = 7, .kind = OPEN_KEY, .path = "k"}, got;
    struct buf b = writer(), r;

    control_put_open(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "02"
                     "00016b"));
    EXPECT(only_whole(decode_control_get_open, mem, b.len));
    EXPECT(refuses(decode_control_get_open, mem, b.len, 4, OPEN_TOKEN + 1));
    EXPECT(refuses(decode_control_get_open, mem, b.len, b.len - 1, 0)); /* a NUL in a path */
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_open(&r, &got) == 0 && got.token == 7 && !strcmp(got.path, "k"));
}

TEST("paths reach CONTROL_PATH_MAX - 1 bytes and not one more")
{
    static struct control_open m = {.kind = OPEN_CRL}, got;
    struct buf b = writer(), r;

    fill(m.path, CONTROL_PATH_MAX - 1, 'p');
    control_put_open(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_open(&r, &got) == 0 && !strcmp(got.path, m.path));
    b = writer();
    buf_put_u32(&b, 0);
    buf_put_u8(&b, OPEN_CRL);
    buf_put_u16(&b, CONTROL_PATH_MAX);
    buf_put_bytes(&b, m.path, CONTROL_PATH_MAX - 1);
    buf_put_u8(&b, 'p');
    EXPECT(decode(decode_control_get_open, mem, b.len) == -EPROTO);
}

TEST("OPENED and DIALLED hold 0 or an errno, never a negative number")
{
    struct control_result m = {.token = 7, .error = ENOENT}, got;
    struct buf b = writer(), r;

    control_put_result(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "00000002"));
    EXPECT(only_whole(decode_control_get_result, mem, b.len));
    EXPECT(refuses(decode_control_get_result, mem, b.len, 4, 0x80));
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_result(&r, &got) == 0 && got.token == 7 && got.error == ENOENT);
}

TEST("REFUSED has its golden bytes: where, what and the way out")
{
    struct control_refused m = sample_refused(), got;
    struct buf b = writer(), r;

    control_put_refused(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "000000000000002a"
                     "00022f61"
                     "0003626164"
                     "0004676f6f64"));
    EXPECT(only_whole(decode_control_get_refused, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_refused(&r, &got) == 0 && got.revision == 42);
    EXPECT(!strcmp(got.err.where, "/a") && !strcmp(got.err.what, "bad"));
    EXPECT(!strcmp(got.err.fix, "good"));
}

TEST("the longest refusal crosses whole")
{
    static struct control_refused m, got;
    struct buf b = writer(), r;

    fill(m.err.where, sizeof m.err.where - 1, 'w');
    fill(m.err.what, sizeof m.err.what - 1, 'x');
    fill(m.err.fix, sizeof m.err.fix - 1, 'f');
    control_put_refused(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_refused(&r, &got) == 0 && !memcmp(&got.err, &m.err, sizeof m.err));
}

TEST("DIAL carries an address as text, and it must be one")
{
    struct control_dial m = {.token = 7, .addr = sample_addr("unix:/run/app")}, got;
    struct buf b = writer(), r;

    control_put_dial(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "000d756e69783a2f72756e2f617070"));
    EXPECT(only_whole(decode_control_get_dial, mem, b.len));
    EXPECT(refuses(decode_control_get_dial, mem, b.len, 11, 'x')); /* no "unix:/" any more */
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_dial(&r, &got) == 0 && addr_equal(&got.addr, &m.addr));
}

TEST("DIAL to an address in another spelling is refused; without one it is to the management")
{
    static const char *const texts[] = {"-", "[::0]:1", "[::1]:01", "127.1:80", "[::1%1]:80"};
    struct buf b;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        b = writer();
        buf_put_u32(&b, 7);
        buf_put_str(&b, texts[i]);
        EXPECT(decode(decode_control_get_dial, mem, b.len) == -EPROTO);
    }
    b = writer();
    buf_put_u32(&b, 7);
    buf_put_str(&b, "[::1]:1");
    EXPECT(decode(decode_control_get_dial, mem, b.len) == 0);
    b = writer();
    buf_put_u32(&b, 7);
    buf_put_str(&b, "");
    EXPECT(decode(decode_control_get_dial, mem, b.len) == 0);
}

TEST("the longest address crosses whole")
{
    struct control_dial m = {.token = 1}, got;
    char text[ADDR_TEXT_MAX];
    struct buf b = writer(), r;

    fill(text, 112, 'p');
    memcpy(text, "unix:/", 6);
    m.addr = sample_addr(text);
    control_put_dial(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(control_get_dial(&r, &got) == 0 && addr_equal(&got.addr, &m.addr));
}

int main(void)
{
    return test_run();
}
