/* Segments that came one behind the other become one, and nothing else does. */
#include "dataplane/dpdk/merge.h"
#include "tests/unit/test.h"

#define ROOM  2048
#define PLAIN 0x10
#define PSH   0x08

struct made { /* a frame as it stands in a packet */
    uint8_t bytes[ROOM];
    size_t n;
    uint8_t *tcp;
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* n bytes of data from number `seq` on. */
static void make(struct made *f, bool v6, uint32_t seq, size_t n)
{
    uint8_t *ip = f->bytes + 14;

    memset(f, 0, sizeof *f);
    put16(f->bytes + 12, v6 ? 0x86dd : 0x0800);
    if (v6) {
        ip[0] = 0x60;
        put16(ip + 4, (unsigned)(20 + n));
        ip[6] = 6;
        memset(ip + 8, 0xfd, 16);
        memset(ip + 24, 0xfc, 16);
    } else {
        ip[0] = 0x45;
        put16(ip + 2, (unsigned)(40 + n));
        ip[9] = 6;
        put32(ip + 12, 0x0a000001);
        put32(ip + 16, 0x0a000002);
    }
    f->tcp = ip + (v6 ? 40 : 20);
    put16(f->tcp, 1000);
    put16(f->tcp + 2, 443);
    put32(f->tcp + 4, seq);
    put32(f->tcp + 8, 77);
    f->tcp[12] = 0x50;
    f->tcp[13] = PLAIN;
    put16(f->tcp + 14, 512);
    f->n = (size_t)(f->tcp - f->bytes) + 20 + n;
}

/* Is it a part of a run, as inlet asks? */
static bool part(struct made *f, struct merge_part *p)
{
    const uint8_t *tcp;

    return frame_kind(f->bytes, f->n, &p->ends, &tcp) == FRAME_SEGMENT &&
           merge_part(p, f->bytes + (tcp - f->bytes), f->bytes + f->n);
}

static struct made first, second;

/* Does the second go on with the first, once `change` has had its way with it? */
static bool follows(bool v6, void (*change)(struct made *f))
{
    struct merge_part a, b;
    struct merge m;

    make(&first, v6, 0xffffff00u, 1000);
    make(&second, v6, 0xffffff00u + 1000, 500);
    if (change)
        change(&second);
    if (!part(&first, &a) || !part(&second, &b))
        return false;
    merge_begin(&m, &a);
    return merge_follows(&m, &b);
}

TEST(
    "what continues a run is taken into it, over IPv4 and IPv6, and its header says how long it is")
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct merge_part a, b;
        struct merge m;

        EXPECT(follows(v6, NULL));
        EXPECT(part(&first, &a) && part(&second, &b));
        merge_begin(&m, &a);
        EXPECT(merge_add(&m, &b));
        merge_end(&m);
        EXPECT(m.parts == 2 && m.n == 1500 && m.next == 0xffffff00u + 1500);
        EXPECT(frame_be16(first.bytes + 14 + (v6 ? 4 : 2)) == (v6 ? 1520 : 1540));
    }
}

static void later(struct made *f)
{
    put32(f->tcp + 4, 0xffffff00u + 1001);
}

static void repeated(struct made *f)
{
    put32(f->tcp + 4, 0xffffff00u);
}

static void other_ack(struct made *f)
{
    put32(f->tcp + 8, 78);
}

static void other_window(struct made *f)
{
    put16(f->tcp + 14, 511);
}

static void other_port(struct made *f)
{
    put16(f->tcp, 1001);
}

static void other_host(struct made *f)
{
    f->tcp[-5]++; /* the last byte but four of either family's header is an address's */
}

static void fin(struct made *f)
{
    f->tcp[13] |= 0x01;
}

static void rst(struct made *f)
{
    f->tcp[13] |= 0x04;
}

static void syn(struct made *f)
{
    f->tcp[13] |= 0x02;
}

static void urgent(struct made *f)
{
    f->tcp[13] |= 0x20;
}

static void options(struct made *f)
{
    f->tcp[12] = 0x60;
}

static void padded(struct made *f)
{
    f->n++;
}

static void cut(struct made *f)
{
    f->n--;
}

static void lies(struct made *f)
{
    put16(f->bytes + 16, 39); /* shorter than its headers */
}

TEST(
    "a gap, a repetition, other ends, words or flags, options and wrong lengths stay by themselves")
{
    static void (*const changes[])(struct made *) = {
        later, repeated, other_ack, other_window, other_port, other_host, fin,
        rst,   syn,      urgent,    options,      padded,     cut,        lies};

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        EXPECT(!follows(false, changes[i]));
}

TEST("PSH ends a run and stands in the header of the whole")
{
    struct merge_part a, b;
    struct merge m;

    EXPECT(follows(false, NULL) && part(&first, &a));
    second.tcp[13] |= PSH;
    EXPECT(part(&second, &b));
    merge_begin(&m, &a);
    EXPECT(merge_follows(&m, &b) && !merge_add(&m, &b));
    EXPECT(first.tcp[13] == (PLAIN | PSH));
    make(&second, false, m.next, 100);
    EXPECT(part(&second, &b) && !merge_follows(&m, &b));
}

TEST("a run is never longer than a packet can say")
{
    struct merge_part p;
    struct merge m;
    unsigned taken = 0;

    make(&first, true, 0, 1900);
    EXPECT(part(&first, &p));
    merge_begin(&m, &p);
    for (;;) {
        make(&second, true, m.next, 1900);
        EXPECT(part(&second, &p));
        if (!merge_follows(&m, &p) || taken > 100)
            break;
        EXPECT(merge_add(&m, &p));
        taken++;
    }
    merge_end(&m);
    EXPECT(taken == 33 && m.n == 34 * 1900 && frame_be16(first.bytes + 18) == m.n + 20);
}

int main(void)
{
    return test_run();
}
