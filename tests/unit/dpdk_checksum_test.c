/* The sum that lwIP's packets get is RFC 1071's, whatever their length and place. */
#include <stdlib.h>
#include <string.h>
#include "dataplane/dpdk/lwip/arch/cc.h"
#include "tests/unit/test.h"

/* As the RFC has it: word by word, an odd byte as if a zero followed it. */
static uint16_t plain_sum(const uint8_t *p, int n)
{
    uint32_t sum = 0;

    for (int i = 0; i < n; i += 2) {
        uint8_t word[2] = {p[i], i + 1 < n ? p[i + 1] : 0};
        uint16_t v;

        memcpy(&v, word, 2);
        sum += v;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

TEST("every length from nothing to more than a segment, at even and odd places")
{
    static uint8_t data[1600 + 8];

    srandom(1071);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)random();
    for (int n = 0; n <= 1600; n++)
        for (int at = 0; at < 8; at += 3)
            EXPECT(checksum_of(data + at, n) == plain_sum(data + at, n));
}

TEST("a jumbo frame of all ones and of all zeros: nothing overflows, and zero stays zero")
{
    static uint8_t data[9000];

    EXPECT(checksum_of(data, sizeof data) == 0);
    memset(data, 0xff, sizeof data);
    for (int n = 1; n <= (int)sizeof data; n++)
        EXPECT(checksum_of(data, n) == plain_sum(data, n));
}

int main(void)
{
    return test_run();
}
