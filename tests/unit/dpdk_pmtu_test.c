/* A router says that a packet was too large: who is believed, and what becomes of what was sent. */
#include <lwip/inet_chksum.h>
#include "tests/unit/frames.h"
#include "tests/unit/test.h"

#define PORT  5000
#define FIRST 101                      /* the far end's next number, after open_one() */
#define OURS  (0xffffff00u + PORT + 1) /* the same of ours */
#define LONG  1460                     /* the segments that both ends agree on, over IPv4 */

static struct tcp_pcb *open_pcb;

static void on_error(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    open_pcb = NULL;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK)
        return ERR_VAL;
    demux_opened(pcb);
    open_pcb = pcb;
    tcp_err(pcb, on_error);
    return ERR_OK;
}

/* From a host that no other case has: what is known of a way stays known. */
static void open_one(uint8_t host, bool v6, uint16_t mss)
{
    uint8_t option[4] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};
    struct segment s = {.host = host,
                        .port = PORT,
                        .v6 = v6,
                        .flags = TCP_SYN,
                        .seq = FIRST - 1,
                        .window = 60000,
                        .options = option,
                        .n_options = 4};

    frames_fresh(on_accept);
    frames_segment(&s);
    s.flags = TCP_ACK;
    s.n_options = 0;
    s.seq = FIRST;
    s.ack = OURS;
    frames_segment(&s);
    frames.n = 0;
}

static void say(uint32_t bytes)
{
    static const uint8_t data[8000];

    EXPECT(tcp_write(open_pcb, data, (u16_t)bytes, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(open_pcb);
}

/* The message of a router: of `total` bytes sent, with this number, only `mtu` could pass. */
static void told4(uint8_t host, uint32_t seq, unsigned total, unsigned mtu, unsigned wrong)
{
    uint8_t f[14 + 56] = {2, 0, 0, 0, 0, 1, 2, [12] = 8, 0}, *ip = f + 14, *icmp = ip + 20;
    const struct segment s = {.host = host};
    uint16_t sum;

    frames_ip4(ip, &s, 36);
    ip[9] = IP_PROTO_ICMP;
    ip[15] = 99; /* any router */
    sum = inet_chksum(ip, 20);
    memcpy(ip + 10, &sum, 2);
    icmp[0] = 3;
    icmp[1] = 4;
    put16(icmp + 6, mtu);
    frames_ip4(icmp + 8, &s, total - 20);
    memcpy(icmp + 8 + 12, ip + 16, 4);
    memcpy(icmp + 8 + 16, "\x0a\x09\x00", 3);
    icmp[8 + 19] = host;
    put16(icmp + 28, FRAMES_PORT);
    put16(icmp + 30, PORT);
    put32(icmp + 32, seq);
    sum = (uint16_t)(inet_chksum(icmp, 36) + wrong);
    memcpy(icmp + 2, &sum, 2);
    frames_put(f, sizeof f);
}

static void told6(uint8_t host, uint32_t seq, unsigned total, uint32_t mtu, unsigned wrong)
{
    uint8_t f[14 + 96] = {2, 0, 0, 0, 0, 1, 2, [12] = 0x86, 0xdd}, *ip = f + 14, *icmp = ip + 40;
    uint8_t summed[40 + 56] = {0};
    const struct segment s = {.host = host};
    uint16_t sum;

    frames_ip6(ip, &s, 56);
    ip[6] = IP6_NEXTH_ICMP6;
    icmp[0] = 2;
    put32(icmp + 4, mtu);
    frames_ip6(icmp + 8, &s, total - 40);
    memcpy(icmp + 16, ip + 24, 16);
    memcpy(icmp + 32, ip + 8, 16);
    put16(icmp + 48, FRAMES_PORT);
    put16(icmp + 50, PORT);
    put32(icmp + 52, seq);
    memcpy(summed, ip + 8, 32);
    put32(summed + 32, 56);
    summed[39] = IP6_NEXTH_ICMP6;
    memcpy(summed + 40, icmp, 56);
    sum = (uint16_t)(inet_chksum(summed, sizeof summed) + wrong);
    memcpy(icmp + 2, &sum, 2);
    frames_put(f, sizeof f);
}

static unsigned longest(void)
{
    const struct tcp_seg *lists[2] = {open_pcb->unacked, open_pcb->unsent};
    unsigned most = 0;

    for (unsigned i = 0; i < 2; i++)
        for (const struct tcp_seg *seg = lists[i]; seg; seg = seg->next)
            most = seg->len > most ? seg->len : most;
    return most;
}

/* Bytes that wait or are under way, each once and in order. */
static uint32_t held(void)
{
    const struct tcp_seg *lists[2] = {open_pcb->unacked, open_pcb->unsent};
    uint32_t next = open_pcb->lastack;

    for (unsigned i = 0; i < 2; i++)
        for (const struct tcp_seg *seg = lists[i]; seg; seg = seg->next) {
            EXPECT(lwip_ntohl(seg->tcphdr->seqno) == next);
            next += seg->len;
        }
    return next - open_pcb->lastack;
}

TEST(
    "a router that quotes what is under way is believed: all of it is cut and sent again, in order")
{
    open_one(2, false, LONG);
    say(8000);
    EXPECT(longest() == LONG && held() == 8000 && frames.n == LONG);
    frames.others = 0;
    told4(2, OURS, 1500, 1400, 0);
    EXPECT(open_pcb->mss == 1360 && longest() == 1360 && held() == 8000);
    EXPECT(frames.others > 1 && frames.n <= 1360);
    say(3000);
    EXPECT(longest() == 1360 && held() == 11000);
    told4(2, OURS + 1360, 1400, 1300, 0); /* a narrower place farther on */
    EXPECT(open_pcb->mss == 1260 && longest() == 1260 && held() == 11000);
}

TEST("what a connection learned the next one to that host knows, for ten minutes")
{
    open_one(3, false, LONG);
    say(8000);
    told4(3, OURS, 1500, 1400, 0);
    open_one(3, false, LONG);
    EXPECT(open_pcb->mss == 1360);
    open_one(4, false, LONG);
    EXPECT(open_pcb->mss == LONG);
    frames_wait(11 * 60 * 1000);
    open_one(3, false, LONG);
    EXPECT(open_pcb->mss == LONG);
}

TEST("a number that is not under way, a wrong sum, and a size that fits are not believed")
{
    open_one(5, false, LONG);
    say(2000);
    told4(5, OURS - 1, 1500, 1400, 0);
    told4(5, OURS + 2000, 1500, 1400, 0);
    told4(5, OURS + (1u << 31), 1500, 1400, 0);
    told4(5, OURS, 1500, 1400, 1);
    told4(5, OURS, 1500, 1500, 0);
    told4(5, OURS, 1500, 9000, 0);
    told4(6, OURS, 1500, 1400, 0); /* another host's */
    EXPECT(open_pcb->mss == LONG && longest() == LONG);
    told4(5, OURS, 1500, 1400, 0);
    EXPECT(open_pcb->mss == 1360);
}

TEST("no router makes segments small: 552 is the least, and one that says no size is tried below")
{
    open_one(7, false, LONG);
    say(8000);
    told4(7, OURS, 1500, 68, 0);
    EXPECT(open_pcb->mss == 512 && longest() == 512 && held() == 8000);
    open_one(8, false, LONG);
    say(8000);
    told4(8, OURS, 1500, 0, 0);
    EXPECT(open_pcb->mss == 1452);
    told4(8, OURS, 1492, 0, 0);
    EXPECT(open_pcb->mss == 966);
    told4(8, OURS, 1006, 0, 0);
    EXPECT(open_pcb->mss == 512 && longest() == 512 && held() == 8000);
}

TEST("over IPv6 the same, and 1280 is the least; lwIP hears of none")
{
    open_one(2, true, 1440);
    say(8000);
    EXPECT(longest() == 1440);
    told6(2, OURS, 1500, 1400, 1);
    told6(2, OURS - 1, 1500, 1400, 0);
    told6(2, OURS + 8000, 1500, 1400, 0);
    EXPECT(open_pcb->mss == 1440);
    told6(2, OURS, 1500, 1400, 0);
    EXPECT(open_pcb->mss == 1340 && longest() == 1340 && held() == 8000);
    told6(2, OURS, 1400, 100, 0);
    EXPECT(open_pcb->mss == 1220 && longest() == 1220 && held() == 8000);
    open_one(2, true, 1440);
    EXPECT(open_pcb->mss == 1220);
    open_one(3, true, 1440);
    say(8000);
    told6(3, OURS, 1500, 0xffffffff, 0);
    EXPECT(open_pcb->mss == 1440);
}

TEST("an end that waits behind what is cut stays behind it")
{
    open_one(9, false, LONG);
    say(2000);
    EXPECT(tcp_shutdown(open_pcb, 0, 1) == ERR_OK);
    told4(9, OURS, 1500, 700, 0);
    for (const struct tcp_seg *seg = open_pcb->unacked; seg; seg = seg->next)
        EXPECT(!(TCPH_FLAGS(seg->tcphdr) & TCP_FIN) == (seg->next != NULL || open_pcb->unsent));
    for (const struct tcp_seg *seg = open_pcb->unsent; seg; seg = seg->next)
        EXPECT(!(TCPH_FLAGS(seg->tcphdr) & TCP_FIN) == (seg->next != NULL));
    EXPECT(longest() == 660);
}

TEST("where nobody says anything, time-outs do: 1280 after two of them, 552 after four")
{
    open_one(10, false, LONG);
    say(8000);
    for (unsigned i = 0; i < 200 && open_pcb->nrtx < 2; i++) {
        demux_look(open_pcb);
        EXPECT(open_pcb->mss == LONG);
        frames_wait(100);
    }
    demux_look(open_pcb);
    EXPECT(open_pcb->mss == 1240 && longest() == 1240 && held() == 8000);
    for (unsigned i = 0; i < 600 && open_pcb->nrtx < 4; i++)
        frames_wait(100);
    demux_look(open_pcb);
    EXPECT(open_pcb->mss == 512 && longest() == 512 && held() == 8000);
    open_one(10, true, 1440);
    say(100); /* what is short is lost for another reason */
    for (unsigned i = 0; i < 600 && open_pcb->nrtx < 6; i++)
        frames_wait(100);
    demux_look(open_pcb);
    EXPECT(open_pcb->mss == 1440);
}

TEST("a message that is cut short, or about something else, is dropped")
{
    uint8_t f[14 + 56] = {2,  0,           0,        0,         0, 1, 2,  [12] = 8, 0, 0x45, 0, 0,
                          56, [22] = 64,   1,        [26] = 10, 9, 0, 99, 10,       9, 0,    1, 3,
                          4,  [42] = 0x45, [51] = 6, [54] = 10, 9, 0, 1,  10,       9, 0,    11};

    open_one(11, false, LONG);
    say(2000);
    put16(f + 62, FRAMES_PORT);
    put16(f + 64, PORT);
    put32(f + 66, OURS);
    for (size_t n = 1; n < sizeof f; n++)
        frames_put(f, n);
    f[51] = 17;
    frames_put(f, sizeof f);
    f[12] = 0x86; /* taken for IPv6 */
    f[13] = 0xdd;
    for (unsigned type = 0; type < 256; type++) {
        f[14] = 0x60;
        f[20] = 58;
        f[54] = (uint8_t)type;
        frames_put(f, sizeof f);
    }
    EXPECT(open_pcb->mss == LONG);
}

int main(void)
{
    return test_run();
}
