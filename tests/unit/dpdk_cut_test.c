/* One segment of lwIP's becomes frames that any receiver takes for what a patient sender would have
 * sent: each right by itself, every byte once and in its place. */
#include "dataplane/dpdk/cut.h"
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/dpdk/frame.h"
#include "dataplane/dpdk/lwip/arch/cc.h"
#include "tests/unit/test.h"

#define SEQ  0xfffff000u /* soon over the end of the numbers */
#define MOST CUT_LONGEST
#define FIN  0x01
#define PSH  0x08
#define ACK  0x10

enum { PIECES = 8 };

static struct {
    uint8_t bytes[200 + MOST]; /* headers, then data */
    size_t ip, tcp, head, n;
    struct pbuf p[PIECES];
    bool v6;
} t;

void lwip_broken(const char *what)
{
    fprintf(stderr, "lwIP: %s\n", what);
    abort();
}

static void put16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static uint16_t folded(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void put_ip(uint8_t *ip, size_t all)
{
    uint16_t sum;

    if (t.v6) {
        ip[0] = 0x60;
        put16(ip + 4, all);
        ip[6] = IPPROTO_TCP;
        ip[7] = 64;
        for (int i = 8; i < 40; i++)
            ip[i] = (uint8_t)random();
        return;
    }
    memcpy(ip, "\x45\0\0\0\x12\x34\x40\0\x40\x06\0\0\x0a\x01\x02\x03\x0a\xff\xfe\xfd", 20);
    put16(ip + 2, all + 20);
    sum = (uint16_t)~checksum_of(ip, 20);
    memcpy(ip + 10, &sum, 2);
}

/* A segment with n bytes of data, as lwIP gives it: without TCP's sum, in pieces of any length. */
static void make(bool v6, bool tagged, size_t options, size_t n, uint8_t flags)
{
    size_t at = 0, all;

    memset(&t, 0, sizeof t);
    t.v6 = v6;
    t.n = n;
    t.ip = tagged ? 18 : 14;
    t.tcp = t.ip + (v6 ? 40 : 20);
    t.head = t.tcp + 20 + options;
    if (tagged)
        put16(t.bytes + 12, 0x8100);
    put16(t.bytes + t.ip - 2, v6 ? 0x86dd : 0x0800);
    put_ip(t.bytes + t.ip, 20 + options + n);
    put16(t.bytes + t.tcp, 443);
    put32(t.bytes + t.tcp + 4, SEQ);
    t.bytes[t.tcp + 12] = (uint8_t)((20 + options) / 4 << 4);
    t.bytes[t.tcp + 13] = flags;
    for (size_t i = t.tcp + 20; i < t.head + n; i++)
        t.bytes[i] = (uint8_t)random();
    all = t.head + n;
    for (int i = 0; i < PIECES; i++) {
        size_t most = i == 0 ? t.head + (size_t)random() % 3000 : (size_t)random() % 4000;
        size_t step = i == PIECES - 1 || at + most > all ? all - at : most;

        t.p[i] = (struct pbuf){.next = i < PIECES - 1 ? &t.p[i + 1] : NULL,
                               .payload = t.bytes + at,
                               .len = (u16_t)step,
                               .tot_len = (u16_t)(all - at)};
        at += step;
    }
}

/* Both sums, as who receives it computes them. */
static bool sums_are_right(const uint8_t *f, size_t n)
{
    size_t all = n - t.tcp, addresses = t.v6 ? 32 : 8;
    uint32_t sum = checksum_of(f + t.tcp, (int)all);

    sum += checksum_of(f + t.tcp - addresses, (int)addresses);
    sum += htons(IPPROTO_TCP) + (uint32_t)htons((uint16_t)all);
    return folded(sum) == 0xffff && (t.v6 || checksum_of(f + t.ip, 20) == 0xffff);
}

/* The frame's headers are the segment's, but for what is its own. */
static void expect_heads(const uint8_t *f, size_t n, size_t at, uint8_t flags)
{
    size_t told = frame_be16(f + t.ip + (t.v6 ? 4 : 2));

    EXPECT(told == n - (t.v6 ? t.tcp : t.ip));
    EXPECT(frame_be32(f + t.tcp + 4) == SEQ + (uint32_t)at);
    EXPECT(f[t.tcp + 13] == flags);
    EXPECT(!memcmp(f, t.bytes, t.ip) && !memcmp(f + t.tcp, t.bytes + t.tcp, 4));
    EXPECT(!memcmp(f + t.tcp + 8, t.bytes + t.tcp + 8, 5));
    EXPECT(!memcmp(f + t.tcp + 20, t.bytes + t.tcp + 20, t.head - t.tcp - 20));
}

/* All frames that are left, from byte `at` on. How many they were. */
static unsigned expect_frames(struct cut *c, size_t at, size_t most, uint8_t flags)
{
    unsigned frames = cut_frames(c);

    for (unsigned i = 0; i < frames; i++) {
        static uint8_t f[200 + MOST];
        size_t data = t.n - at < most ? t.n - at : most, size = cut_size(c);
        bool last = i + 1 == frames;

        EXPECT(size == t.head + data && cut_next(c, f) == size);
        EXPECT(sums_are_right(f, size));
        expect_heads(f, size, at, last ? flags : flags & (uint8_t) ~(PSH | FIN));
        EXPECT(!memcmp(f + t.head, t.bytes + t.head + at, data));
        at += data;
    }
    EXPECT(at == t.n);
    return frames;
}

TEST("frames of every kind: right sums, lengths and numbers, and PSH and FIN at the end only")
{
    struct cut c;

    srandom(1624);
    for (unsigned i = 0; i < 4000; i++) {
        size_t most = CUT_LEAST + (size_t)random() % 8000, n = (size_t)random() % (MOST + 1);

        make(i & 1, i & 2, i & 4 ? 12 : 0, n, ACK | PSH | (i & 8 ? FIN : 0));
        cut_begin(&c, t.p, true);
        EXPECT(cut_frames(&c) == 1);
        cut_to(&c, most);
        EXPECT(expect_frames(&c, 0, most, t.bytes[t.tcp + 13]) == (n ? (n + most - 1) / most : 1));
    }
}

TEST("what was acknowledged of a segment is left out by whole frames, and never all of it")
{
    struct cut c;

    for (unsigned i = 0; i < 2000; i++) {
        size_t n = 1 + (size_t)random() % MOST, had = (size_t)random() % (n + 100), from;

        make(i & 1, i & 2, 0, n, ACK | PSH);
        cut_begin(&c, t.p, true);
        cut_to(&c, 1448);
        cut_skip(&c, SEQ + (uint32_t)had);
        from = had / 1448 * 1448 < n ? had / 1448 * 1448 : 0;
        expect_frames(&c, from, 1448, ACK | PSH);
        cut_begin(&c, t.p, true);
        cut_to(&c, 1448);
        cut_skip(&c, SEQ - (uint32_t)had); /* the usual case: nothing of it */
        expect_frames(&c, 0, 1448, ACK | PSH);
    }
}

TEST("what is not TCP goes as it is")
{
    static const uint8_t types[] = {0x08, 0x06, 0x86, 0xdd, 0x08, 0x00};
    static uint8_t f[200];

    for (size_t i = 0; i < sizeof types; i += 2) {
        struct pbuf p = {.payload = t.bytes, .len = 100, .tot_len = 100};
        struct cut c;

        memset(t.bytes, 0x5a, sizeof t.bytes);
        memcpy(t.bytes + 12, types + i, 2);
        cut_begin(&c, &p, true);
        EXPECT(!c.is_tcp && cut_frames(&c) == 1 && cut_size(&c) == 100);
        EXPECT(cut_next(&c, f) == 100 && !memcmp(f, t.bytes, 100));
    }
}

int main(void)
{
    return test_run();
}
