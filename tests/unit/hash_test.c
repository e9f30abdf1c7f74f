/* hash: is it SipHash-2-4, byte for byte? */
#include "dataplane/base/hash.h"

#include "tests/unit/test.h"

/* Key 00 01 .. 0f, as in appendix A of the paper. */
static const struct hash_key paper_key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

TEST("the example of the paper gives the paper's value")
{
    uint8_t message[15];

    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    EXPECT(hash_bytes(&paper_key, message, sizeof(message)) == 0xa129ca6149be45e5);
}

TEST("messages 00 01 .. of 0 to 8 bytes give the authors' published vectors")
{
    static const uint8_t vectors[][8] = {
        {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72},
        {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74},
        {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d},
        {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85},
        {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf},
        {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18},
        {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb},
        {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab},
        {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93},
    };
    uint8_t message[8] = {0, 1, 2, 3, 4, 5, 6, 7};

    for (size_t n = 0; n < sizeof(vectors) / sizeof(vectors[0]); n++) {
        uint64_t want = 0;

        for (int i = 7; i >= 0; i--)
            want = want << 8 | vectors[n][i];
        EXPECT(hash_bytes(&paper_key, message, n) == want);
    }
}

TEST("a value does not depend on where the bytes lie in memory")
{
    uint8_t mem[40] = {0};

    for (size_t at = 0; at < 8; at++) {
        memcpy(mem + at, "a message of 23 bytes!!", 23);
        EXPECT(hash_bytes(&paper_key, mem + at, 23) ==
               hash_bytes(&paper_key, "a message of 23 bytes!!", 23));
    }
}

TEST("two keys drawn at random differ, and so do their hashes")
{
    struct hash_key a, b;

    hash_key_init(&a);
    hash_key_init(&b);
    EXPECT(a.k0 != b.k0 && a.k1 != b.k1);
    EXPECT(hash_bytes(&a, "x", 1) != hash_bytes(&b, "x", 1));
}

int main(void)
{
    return test_run();
}
