/* Received packets on their way through inlet and lwIP: whatever the line does to them, the bytes
 * that arrive are those that were sent, and every packet is given back once. */
#include "dataplane/dpdk/inlet.h"
#include <rte_mbuf.h>
#include "dataplane/dpdk/lwip/arch/cc.h"
#include "dataplane/dpdk/packetpool.h"
#include "dataplane/dpdk/port.h"
#include "tests/unit/frames.h"
#include "tests/unit/test.h"

#define STREAM  200000
#define BURST   32
#define PACKETS 4096
#define CLIENT  5000 /* its port */
#define FIRST   0xffff8000u

struct packet { /* as a pool has them; the count of who holds it tells whether it was given back */
    struct rte_mbuf m;
    uint8_t private[PACKET_PRIVATE];
    uint8_t bytes[RTE_PKTMBUF_HEADROOM + FRAME_MAX];
};

static struct {
    uint8_t sent[STREAM], got[STREAM];
    size_t n_got;
    bool ended, reset;
    struct packet packet[PACKETS];
    unsigned n_packets, n_given; /* made; given to lwIP by inlet */
    uint16_t looked_at;          /* which sums lwIP then looks at and makes */
    struct policy_port policy;
    struct lanes lanes;
    struct ports ports;
    bool v6, tagged;
    uint32_t ack;
    uint32_t random;
} t;

static unsigned chance(unsigned of)
{
    t.random = t.random * 1664525u + 1013904223u;
    return (t.random >> 16) % of;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (!p) {
        t.ended = true;
        return ERR_OK;
    }
    EXPECT(t.n_got + p->tot_len <= STREAM);
    t.n_got += pbuf_copy_partial(p, t.got + t.n_got, p->tot_len, 0);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    (void)arg;
    t.reset = err == ERR_RST;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    demux_opened(pcb);
    tcp_recv(pcb, on_recv);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

/* The one interface of the test, under the port's sums. */
static err_t to_lwip(struct pbuf *p, struct netif *netif)
{
    t.n_given++;
    t.looked_at = frames.netif.chksum_flags = netif->chksum_flags;
    return frames.netif.input(p, &frames.netif);
}

static void open_connection(bool v6, bool tagged)
{
    frames_fresh(on_accept);
    memset(&t, 0, sizeof t);
    t.random = 7;
    t.v6 = v6;
    t.tagged = tagged;
    t.lanes.n = 1;
    t.ports.lanes = &t.lanes;
    t.ports.n = 1;
    t.ports.port[0].policy = &t.policy;
    t.ports.port[0].ports = &t.ports;
    t.ports.port[0].netif.input = to_lwip;
    for (size_t i = 0; i < STREAM; i++)
        t.sent[i] = (uint8_t)chance(256);
    NETIF_SET_CHECKSUM_CTRL(&frames.netif, NETIF_CHECKSUM_DISABLE_ALL);
    frames_open(2, CLIENT, v6, FIRST);
    t.ack = frames.seq + 1;
}

static uint16_t folded(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void put_sums(uint8_t *ip, uint8_t *tcp, size_t n)
{
    size_t addresses = t.v6 ? 32 : 8;
    uint16_t sum;

    if (!t.v6) {
        sum = folded(checksum_of(ip, 20));
        memcpy(ip + 10, &sum, 2);
    }
    sum = folded(checksum_of(tcp, (int)n) + checksum_of(tcp - addresses, (int)addresses) +
                 htons(IP_PROTO_TCP) + htons((uint16_t)n));
    memcpy(tcp + 16, &sum, 2);
}

/* Bytes from `at` of the stream on, in a packet. */
static struct packet *packet_of(size_t at, size_t n, uint8_t flags)
{
    struct segment s = {.host = 2,
                        .port = CLIENT,
                        .v6 = t.v6,
                        .flags = flags,
                        .seq = FIRST + 1 + (uint32_t)at,
                        .ack = t.ack,
                        .window = 8192,
                        .data = t.sent + at,
                        .n = (uint16_t)n};
    struct packet *p = &t.packet[t.n_packets++];
    uint8_t frame[FRAME_MAX], *out = p->bytes + RTE_PKTMBUF_HEADROOM;
    size_t ip, tcp, all = frames_build(&s, frame, &ip, &tcp), tag = t.tagged ? 4 : 0;

    check(t.n_packets <= PACKETS);
    put_sums(frame + ip, frame + tcp, all - tcp);
    memcpy(out, frame, 12);
    memcpy(out + 12, "\x81\0\0\0", tag);
    memcpy(out + 12 + tag, frame + 12, all - 12);
    p->m = (struct rte_mbuf){.buf_addr = p->bytes,
                             .data_off = RTE_PKTMBUF_HEADROOM,
                             .nb_segs = 1,
                             .refcnt = 2,
                             .pkt_len = (uint32_t)(all + tag),
                             .data_len = (uint16_t)(all + tag),
                             .priv_size = PACKET_PRIVATE};
    return p;
}

static void take(struct packet *p, bool low)
{
    inlet_take(&t.ports, &t.ports.port[0], &p->m, low);
}

static void burst_ends(void)
{
    inlet_flush(&t.ports);
    acks_send();
}

static void expect_all_given_back(void)
{
    unsigned held = 0;

    for (unsigned i = 0; i < t.n_packets; i++)
        held += rte_mbuf_refcnt_read(&t.packet[i].m) != 1;
    EXPECT(held == 0);
    EXPECT(t.ports.heap_held == 0);
}

static size_t acknowledged(void)
{
    return frames.ack - (FIRST + 1);
}

static void expect_stream(size_t n)
{
    EXPECT(t.n_got == n && memcmp(t.got, t.sent, n) == 0);
}

static const struct {
    bool v6, tagged;
} kinds[] = {{false, false}, {true, false}, {false, true}, {true, true}};

TEST("a burst in its order is one long segment for lwIP, of whatever sizes its parts are")
{
    static const size_t sizes[] = {1448, 1448, 1, 7, 1447, 536, 64, 1448};

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t at = 0;

        open_connection(kinds[k].v6, kinds[k].tagged);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; at += sizes[i++])
            take(packet_of(at, sizes[i], TCP_ACK), false);
        EXPECT(t.n_given == 0 && t.n_got == 0);
        burst_ends();
        EXPECT(t.n_given == 1 && acknowledged() == at);
        expect_stream(at);
        expect_all_given_back();
    }
}

TEST("more runs than are kept go to lwIP before the burst is over, in their order")
{
    size_t n = INLET_RUNS + 10;

    open_connection(false, false);
    for (size_t at = 0; at < n * 100; at += 100)
        take(packet_of(at, 100, TCP_ACK | TCP_PSH), false); /* PSH ends each */
    EXPECT(t.n_given == INLET_RUNS);
    burst_ends();
    EXPECT(t.n_given == n);
    expect_stream(n * 100);
    expect_all_given_back();
}

/* One burst of a sender that begins with what was not acknowledged: pieces of any size, some of
 * which are lost, sent twice, spoilt, begin too early or come late. */
static void bad_burst(void)
{
    struct packet *burst[BURST];
    size_t at = acknowledged();
    unsigned n = 0;
    bool low = chance(8) == 0;

    while (n < BURST && at < STREAM) {
        size_t early = chance(6) ? 0 : chance(300), size = 1 + chance(chance(3) ? 1400 : 16);

        early = early < at ? early : at;
        size = size < STREAM - at ? size : STREAM - at;
        if (chance(20))
            burst[n++] = packet_of(at - early, size + early > 1440 ? 1440 : size + early,
                                   TCP_ACK | (chance(10) ? 0 : TCP_PSH));
        if (n && n < BURST && chance(20) == 0)
            burst[n++] = packet_of(at - early, size, TCP_ACK);
        if (n > 1 && chance(12) == 0) {
            struct packet *late = burst[n - 2];

            burst[n - 2] = burst[n - 1];
            burst[n - 1] = late;
        }
        if (n && chance(30) == 0)
            burst[n - 1]->bytes[RTE_PKTMBUF_HEADROOM + 80] ^= 0x10;
        at += size;
    }
    for (unsigned i = 0; i < n; i++)
        take(burst[i], low);
    burst_ends();
}

TEST("through loss, repetition, reordering, damage and odd sizes every byte arrives once, in order")
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        open_connection(kinds[k].v6, kinds[k].tagged);
        while (acknowledged() < STREAM && t.n_packets + BURST < PACKETS) {
            size_t before = acknowledged();

            bad_burst();
            if (acknowledged() == before)
                frames_wait(300); /* for an acknowledgement that was put off */
        }
        EXPECT(acknowledged() == STREAM);
        EXPECT(t.n_given < t.n_packets && t.ports.port[0].refused[REFUSED_SUM] > 3);
        expect_stream(STREAM);
        expect_all_given_back();
    }
}

TEST("FIN behind data in a burst ends the connection after the last byte")
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        open_connection(kinds[k].v6, kinds[k].tagged);
        take(packet_of(0, 1000, TCP_ACK), false);
        take(packet_of(1000, 1000, TCP_ACK), false);
        take(packet_of(2000, 500, TCP_ACK | TCP_FIN), false);
        take(packet_of(2501, 0, TCP_ACK), false);
        burst_ends();
        expect_stream(2500);
        EXPECT(t.ended && acknowledged() == 2501);
        expect_all_given_back();
    }
}

TEST("FIN that comes before its data waits for it")
{
    open_connection(false, false);
    take(packet_of(1000, 1000, TCP_ACK | TCP_FIN), false);
    burst_ends();
    EXPECT(!t.ended && t.n_got == 0);
    take(packet_of(0, 500, TCP_ACK), false);
    take(packet_of(500, 500, TCP_ACK), false);
    burst_ends();
    expect_stream(2000);
    EXPECT(t.ended);
    expect_all_given_back();
}

TEST("RST behind data in a burst: what came before it is delivered, what comes after is not")
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        open_connection(kinds[k].v6, kinds[k].tagged);
        take(packet_of(0, 1000, TCP_ACK), false);
        take(packet_of(1000, 1000, TCP_ACK), false);
        take(packet_of(2000, 0, TCP_ACK | TCP_RST), false);
        take(packet_of(2000, 1000, TCP_ACK), false);
        burst_ends();
        expect_stream(2000);
        EXPECT(t.reset);
        expect_all_given_back();
    }
}

TEST(
    "a damaged part is left out of a run, and counted; the others are kept for when it comes again")
{
    struct packet *bad;

    open_connection(false, false);
    take(packet_of(0, 1000, TCP_ACK), false);
    bad = packet_of(1000, 1000, TCP_ACK);
    bad->bytes[RTE_PKTMBUF_HEADROOM + 100]++;
    take(bad, false);
    take(packet_of(2000, 1000, TCP_ACK), false);
    burst_ends();
    EXPECT(t.ports.port[0].refused[REFUSED_SUM] == 1 && acknowledged() == 1000);
    take(packet_of(1000, 1000, TCP_ACK), false);
    burst_ends();
    frames_wait(300); /* the acknowledgement may be put off */
    EXPECT(acknowledged() == 3000);
    expect_stream(3000);
    expect_all_given_back();
}

#define IP_GOOD  RTE_MBUF_F_RX_IP_CKSUM_GOOD
#define TCP_GOOD RTE_MBUF_F_RX_L4_CKSUM_GOOD

/* The device says `flags` of a segment of which one byte is wrong: in the IP header, TCP's, or
 * none. */
static bool taken(bool checks, uint64_t flags, size_t wrong)
{
    struct packet *p;

    open_connection(t.v6, false);
    t.ports.port[0].rx_checks = checks;
    p = packet_of(0, 1000, TCP_ACK);
    p->m.ol_flags = flags;
    p->bytes[RTE_PKTMBUF_HEADROOM + wrong] ^= wrong ? 4 : 0;
    take(p, false);
    burst_ends();
    return t.n_given == 1;
}

TEST("a sum is judged here unless the device knows that it, or what it is of, is right")
{
    const size_t none = 0, tcp = 100;

    for (unsigned v6 = 0; v6 < 2; v6++) {
        t.v6 = v6;
        EXPECT(taken(false, 0, none) && !taken(false, 0, tcp));
        EXPECT(!taken(false, IP_GOOD | TCP_GOOD, tcp)); /* it was not asked to judge */
        EXPECT(taken(true, 0, none) && !taken(true, 0, tcp));
        EXPECT(taken(true, IP_GOOD | TCP_GOOD, tcp));
        EXPECT(taken(true, TCP_GOOD, tcp));
        EXPECT(taken(true, RTE_MBUF_F_RX_IP_CKSUM_NONE | RTE_MBUF_F_RX_L4_CKSUM_NONE, tcp));
        EXPECT(taken(true, RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD, none));
        EXPECT(!taken(true, IP_GOOD | RTE_MBUF_F_RX_L4_CKSUM_BAD, tcp));
    }
}

TEST("an IPv4 header's sum is judged by itself, where the device knows TCP's only")
{
    const size_t ttl = 14 + 8;

    t.v6 = false;
    EXPECT(taken(true, TCP_GOOD, 0) && !taken(true, TCP_GOOD, ttl));
    EXPECT(taken(true, TCP_GOOD | IP_GOOD, ttl));
}

TEST("lwIP looks at what is not known to be right, and goes on making the sums that it made")
{
    const uint16_t made = NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_ICMP;
    struct packet *p;

    for (unsigned known = 0; known < 2; known++) {
        open_connection(false, false);
        t.ports.port[0].rx_checks = true;
        t.ports.port[0].netif.chksum_flags = made;
        p = packet_of(0, 0, TCP_ACK); /* no data: it goes to lwIP as it is */
        p->m.ol_flags = known ? TCP_GOOD : 0;
        take(p, false);
        burst_ends();
        EXPECT(t.n_given == 1);
        EXPECT(t.looked_at ==
               (made | NETIF_CHECKSUM_CHECK_IP | (known ? 0 : NETIF_CHECKSUM_CHECK_TCP)));
    }
}

TEST("where the pool is low nothing of it is kept, and the copies are bounded")
{
    size_t at = 0;

    open_connection(false, false);
    for (; at < 20000; at += 1000) {
        take(packet_of(at + 1000, 1000, TCP_ACK), true); /* behind a hole: it is held */
        burst_ends();
        EXPECT(rte_mbuf_refcnt_read(&t.packet[t.n_packets - 1].m) == 1);
    }
    EXPECT(t.ports.heap_held >= 20000 && t.n_got == 0);
    t.ports.heap_held += 256u << 20;
    take(packet_of(0, 1000, TCP_ACK), true);
    burst_ends();
    EXPECT(t.n_got == 0 && t.ports.port[0].refused[REFUSED_MEMORY] == 1);
    t.ports.heap_held -= 256u << 20;
    take(packet_of(0, 1000, TCP_ACK), true);
    burst_ends();
    expect_stream(21000);
    expect_all_given_back();
}

int main(void)
{
    return test_run();
}
