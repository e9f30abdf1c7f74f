/* Which worker a segment belongs to: by the hash that devices compute. */
#include <arpa/inet.h>
#include <string.h>
#include "dataplane/dpdk/steer.h"
#include "tests/unit/test.h"

/* The key and the sums with which device makers verify theirs (receive-side scaling). */
static const uint8_t key[STEER_KEY] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
                                       0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                       0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
                                       0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static struct steer steer;

static struct tuple ends(const char *from, uint16_t from_port, const char *to, uint16_t to_port)
{
    struct tuple t;

    memset(&t, 0, sizeof t);
    t.v6 = strchr(from, ':') != NULL;
    inet_pton(t.v6 ? AF_INET6 : AF_INET, from, t.remote);
    inet_pton(t.v6 ? AF_INET6 : AF_INET, to, t.local);
    t.remote_port = htons(from_port);
    t.local_port = htons(to_port);
    return t;
}

static uint32_t sum(const char *from, uint16_t from_port, const char *to, uint16_t to_port)
{
    struct tuple t = ends(from, from_port, to, to_port);

    return steer_hash(&steer, &t);
}

TEST("the hash is the one of devices: its published sums over IPv4 and IPv6")
{
    steer_init(&steer, 2, key);
    EXPECT(sum("66.9.149.187", 2794, "161.142.100.80", 1766) == 0x51ccc178);
    EXPECT(sum("199.92.111.2", 14230, "65.69.140.83", 4739) == 0xc626b0ea);
    EXPECT(sum("24.19.198.95", 12898, "12.22.207.184", 38024) == 0x5c2b394a);
    EXPECT(sum("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766) == 0x40207d3d);
    EXPECT(sum("3ffe:501:8::260:97ff:fe40:efab", 14230, "ff02::1", 4739) == 0xdde51bbf);
}

TEST("connections spread over the workers about evenly, by a key that nobody knows")
{
    unsigned mine[5] = {0};

    steer_init(&steer, 5, NULL);
    for (unsigned i = 0; i < 5000; i++) {
        struct tuple t = ends("192.0.2.9", (uint16_t)(1024 + i), "192.0.2.1", 8443);

        mine[steer_home(&steer, &t, 128)]++;
    }
    for (unsigned w = 0; w < 5; w++)
        EXPECT(mine[w] > 600 && mine[w] < 1500);
}

TEST("a key is another one each time")
{
    static struct steer other;

    steer_init(&steer, 2, NULL);
    steer_init(&other, 2, NULL);
    EXPECT(memcmp(steer.key, other.key, STEER_KEY) != 0);
}

int main(void)
{
    return test_run();
}
