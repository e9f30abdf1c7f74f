/* Are records found in a stream, and is what can not be a record refused at once? */
#include <errno.h>
#include <stdint.h>
#include "dataplane/record/frame.h"
#include "tests/unit/test.h"

#define MAX_BODY (16384 + 256)

TEST("fewer than five bytes are no header yet")
{
    static const uint8_t p[5] = {23, 3, 3, 0, 0};

    for (size_t n = 0; n < 5; n++)
        EXPECT(frame_size(p, n, MAX_BODY) == 0);
    EXPECT(frame_size(p, 5, MAX_BODY) == 5);
}

TEST("the size is known from the header alone, and later bytes do not change it")
{
    uint8_t p[400] = {22, 3, 1, 1, 2};

    for (size_t n = 5; n <= sizeof p; n++)
        EXPECT(frame_size(p, n, MAX_BODY) == 5 + 0x102);
}

TEST("exactly the types 20 to 23 can begin a record")
{
    for (int type = 0; type < 256; type++) {
        uint8_t p[5] = {(uint8_t)type, 3, 3, 0, 1};

        EXPECT(frame_size(p, 5, MAX_BODY) == (type >= 20 && type <= 23 ? 6 : -EPROTO));
    }
}

TEST("the version's first byte is 3, the second any")
{
    for (int v = 0; v < 256; v++) {
        uint8_t major[5] = {22, (uint8_t)v, 1, 0, 1}, minor[5] = {22, 3, (uint8_t)v, 0, 1};

        EXPECT(frame_size(major, 5, MAX_BODY) == (v == 3 ? 6 : -EPROTO));
        EXPECT(frame_size(minor, 5, MAX_BODY) == 6);
    }
}

TEST("rubbish is refused at its first byte, not at the fifth")
{
    EXPECT(frame_size((const uint8_t *)"GET ", 1, MAX_BODY) == -EPROTO);
    EXPECT(frame_size((const uint8_t *)"\x16HTTP", 2, MAX_BODY) == -EPROTO);
}

TEST("a body may be as long as allowed and no byte longer")
{
    static const uint8_t edge[5] = {23, 3, 3, 0x41, 0x00}, over[5] = {23, 3, 3, 0x41, 0x01};
    static const uint8_t most[5] = {23, 3, 3, 0xff, 0xff};

    EXPECT(frame_size(edge, 5, MAX_BODY) == 5 + MAX_BODY);
    EXPECT(frame_size(over, 5, MAX_BODY) == -EMSGSIZE);
    EXPECT(frame_size(most, 5, MAX_BODY) == -EMSGSIZE);
    EXPECT(frame_size(most, 5, 0xffff) == 5 + 0xffff);
}

int main(void)
{
    return test_run();
}
