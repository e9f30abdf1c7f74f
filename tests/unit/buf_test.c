/* buf: does the one cursor keep its bounds, and do its errors stick? */
#include "dataplane/base/buf.h"

#include <stdlib.h>

#include "tests/unit/test.h"

TEST("integers come out as they went in, big-endian on the wire")
{
    static const uint8_t wire[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                   0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32};
    uint8_t mem[sizeof(wire)];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    buf_put_u8(&b, 0x01);
    buf_put_u16(&b, 0x2345);
    buf_put_u32(&b, 0x6789abcd);
    buf_put_u64(&b, 0xeffedcba98765432);
    EXPECT(buf_ok(&b) && b.len == sizeof(wire));
    EXPECT(!memcmp(mem, wire, sizeof(wire)));
    EXPECT(buf_get_u8(&b) == 0x01);
    EXPECT(buf_get_u16(&b) == 0x2345);
    EXPECT(buf_get_u32(&b) == 0x6789abcd);
    EXPECT(buf_get_u64(&b) == 0xeffedcba98765432);
    EXPECT(buf_done(&b));
}

TEST("a put that does not fit writes nothing and spoils the buffer")
{
    uint8_t mem[4] = {9, 9, 9, 9};
    struct buf b;

    buf_init(&b, mem, 3);
    buf_put_u16(&b, 0x0102);
    buf_put_u16(&b, 0x0304);
    EXPECT(!buf_ok(&b));
    EXPECT(b.len == 2);
    buf_put_u8(&b, 5);
    EXPECT(b.len == 2 && mem[2] == 9 && mem[3] == 9);
}

TEST("an empty buffer reads nothing")
{
    struct buf b;

    buf_init_read(&b, NULL, 0);
    EXPECT(buf_left(&b) == 0 && buf_done(&b));
    EXPECT(buf_get_bytes(&b, 0) != NULL && buf_ok(&b));
    EXPECT(buf_get_u8(&b) == 0 && !buf_ok(&b) && !buf_done(&b));
}

TEST("after an overrun every get is zero, even where bytes are left")
{
    static const uint8_t mem[] = {1, 2, 3};
    struct buf b;

    buf_init_read(&b, mem, sizeof(mem));
    EXPECT(buf_get_u32(&b) == 0);
    EXPECT(buf_left(&b) == 0);
    EXPECT(buf_get_u8(&b) == 0);
    EXPECT(buf_get_bytes(&b, 1) == NULL);
    EXPECT(!buf_ok(&b) && !buf_done(&b));
}

TEST("a buffer given to read refuses to be written")
{
    uint8_t mem[8] = {7};
    struct buf b;

    buf_init_read(&b, mem, 4);
    buf_put_u8(&b, 1);
    EXPECT(!buf_ok(&b) && mem[0] == 7 && mem[4] == 0);
}

TEST("a length near the end of the address space is an overrun, not a wrap")
{
    uint8_t mem[8] = {0};
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    buf_put_u8(&b, 1);
    buf_put_bytes(&b, mem, SIZE_MAX);
    EXPECT(!buf_ok(&b));
    buf_init_read(&b, mem, sizeof(mem));
    buf_get_u8(&b);
    EXPECT(buf_get_bytes(&b, SIZE_MAX) == NULL && !buf_ok(&b));
}

TEST("a decoder that leaves a byte over is not done")
{
    static const uint8_t mem[] = {1, 2};
    struct buf b;

    buf_init_read(&b, mem, sizeof(mem));
    buf_get_u8(&b);
    EXPECT(buf_ok(&b) && !buf_done(&b) && buf_left(&b) == 1);
}

TEST("a blob is borrowed in place, whole, and up to its limit")
{
    uint8_t mem[32];
    const uint8_t *p;
    struct buf b;
    size_t n = 99;

    buf_init(&b, mem, sizeof(mem));
    buf_put_blob(&b, "hello", 5);
    buf_put_blob(&b, NULL, 0);
    EXPECT(b.len == 4 + 5 + 4);
    p = buf_get_blob(&b, 5, &n);
    EXPECT(p == mem + 4 && n == 5 && !memcmp(p, "hello", 5));
    p = buf_get_blob(&b, 5, &n);
    EXPECT(p != NULL && n == 0 && buf_done(&b));

    b.pos = 0;
    n = 99;
    EXPECT(buf_get_blob(&b, 4, &n) == NULL && n == 0 && !buf_ok(&b));
}

TEST("a blob that claims more than there is gives nothing")
{
    static const uint8_t mem[] = {0xff, 0xff, 0xff, 0xff, 1};
    struct buf b;
    size_t n = 99;

    buf_init_read(&b, mem, sizeof(mem));
    EXPECT(buf_get_blob(&b, SIZE_MAX, &n) == NULL && n == 0 && !buf_ok(&b));
}

TEST("strings come out terminated, and no string is the empty one")
{
    uint8_t mem[32];
    char out[6];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    buf_put_str(&b, "hello");
    buf_put_str(&b, NULL);
    EXPECT(b.len == 2 + 5 + 2);
    buf_get_str(&b, out, sizeof(out));
    EXPECT(!strcmp(out, "hello"));
    buf_get_str(&b, out, sizeof(out));
    EXPECT(!strcmp(out, "") && buf_done(&b));
}

TEST("a string longer than its place is refused whole")
{
    uint8_t mem[32];
    char out[5] = "old";
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    buf_put_str(&b, "hello");
    buf_get_str(&b, out, sizeof(out));
    EXPECT(!buf_ok(&b) && !strcmp(out, ""));
}

TEST("a string with a NUL inside is refused")
{
    static const uint8_t mem[] = {0, 3, 'a', 0, 'b'};
    char out[8] = "old";
    struct buf b;

    buf_init_read(&b, mem, sizeof(mem));
    buf_get_str(&b, out, sizeof(out));
    EXPECT(!buf_ok(&b) && !strcmp(out, ""));
}

TEST("a string that its length field can not tell spoils the buffer")
{
    size_t n = UINT16_MAX + 1;
    char *text = malloc(n + 1);
    uint8_t *mem = malloc(2 * n);
    struct buf b;

    memset(text, 'x', n);
    text[n] = '\0';
    buf_init(&b, mem, 2 * n);
    buf_put_str(&b, text);
    EXPECT(!buf_ok(&b));
    text[n - 1] = '\0';
    buf_init(&b, mem, 2 * n);
    buf_put_str(&b, text);
    EXPECT(buf_ok(&b) && b.len == 2 + UINT16_MAX);
    free(text);
    free(mem);
}

int main(void)
{
    return test_run();
}
