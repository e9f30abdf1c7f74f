/* A device that makes TCP's sums gets segments which say so, and lwIP makes none; whatever else is
 * sent has its sums from here. The device is one of the test's (dpdk_sink). */
#include <rte_mbuf.h>
#include "dataplane/dpdk/lwip/arch/cc.h"
#include "dataplane/dpdk/outlet.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/tails.h"
#include "tests/unit/dpdk_sink.h"
#include "tests/unit/frames.h"
#include "tests/unit/test.h"
#include <lwip/etharp.h>
#include <lwip/ethip6.h>

#define CLIENT 5000 /* its port */
#define HOST   2    /* the last byte of its address */
#define FIRST  1000u
#define VLAN   7
#define ORDERS                                                                                     \
    (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_IP_CKSUM)

static struct {
    struct sink *sink;
    struct lanes lanes;
    struct policy_port policy;
    struct ports ports;
    struct tcp_pcb *pcb;
    bool v6;
} t;

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    demux_opened(pcb);
    t.pcb = pcb;
    return ERR_OK;
}

/* A port whose device makes sums, or does not; nothing is connected yet. */
static void begin(bool v6, bool tagged, bool makes_sums)
{
    frames_fresh(on_accept);
    memset(&t, 0, sizeof t);
    t.sink = sink_begin(&t.ports.port[0].pool);
    t.lanes.n = 1;
    t.v6 = v6;
    t.ports.lanes = &t.lanes;
    t.ports.n = 1;
    t.ports.port[0].policy = &t.policy;
    t.ports.port[0].ports = &t.ports;
    t.ports.port[0].queues = 1;
    t.ports.port[0].tx_sums = makes_sums;
    frames.vlan = tagged ? VLAN : 0;
    frames.netif.state = &t.ports.port[0];
    frames.netif.output = etharp_output;
    frames.netif.output_ip6 = ethip6_output;
    frames.netif.linkoutput = outlet_send;
    NETIF_SET_CHECKSUM_CTRL(&frames.netif, NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_TCP |
                                               NETIF_CHECKSUM_GEN_ICMP | NETIF_CHECKSUM_GEN_ICMP6);
    outlet_begin(&frames.netif);
}

/* As the frame itself says. */
static size_t ip_at(const struct sunk *s)
{
    return frame_be16(s->bytes + 12) == 0x8100 ? 18 : 14;
}

static size_t tcp_at(const struct sunk *s)
{
    return ip_at(s) + (t.v6 ? 40 : 20);
}

static bool is_segment(const struct sunk *s)
{
    return s->bytes[ip_at(s) + (t.v6 ? 6 : 9)] == IP_PROTO_TCP &&
           frame_be16(s->bytes + ip_at(s) - 2) == (t.v6 ? 0x86dd : 0x0800);
}

/* Neighbours are asked for in between. */
static const struct sunk *last_segment(void)
{
    unsigned i = t.sink->n;

    while (i && !is_segment(&t.sink->frame[i - 1]))
        i--;
    check(i);
    return &t.sink->frame[i - 1];
}

static const struct sunk *last(void)
{
    check(t.sink->n);
    return &t.sink->frame[t.sink->n - 1];
}

static uint32_t sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* RFC 9293 3.1, RFC 8200 8.1: of a segment's or an ICMPv6 message's addresses, protocol and length.
 */
static uint32_t pseudo_of(const struct sunk *s, uint8_t protocol)
{
    const uint8_t *ip = s->bytes + ip_at(s);

    return sum_of(ip + (t.v6 ? 8 : 12), t.v6 ? 32 : 8, protocol + (uint32_t)(s->n - tcp_at(s)));
}

static bool ip_sum_right(const struct sunk *s)
{
    return t.v6 || sum_of(s->bytes + ip_at(s), 20, 0) == 0xffff;
}

static bool tcp_sum_right(const struct sunk *s)
{
    return sum_of(s->bytes + tcp_at(s), s->n - tcp_at(s), pseudo_of(s, IP_PROTO_TCP)) == 0xffff;
}

/* What a device does: all from the TCP header on, with what is in the sum's place. */
static struct sunk completed(const struct sunk *s)
{
    struct sunk done = *s;

    put16(done.bytes + done.l2 + done.l3 + 16,
          ~sum_of(s->bytes + s->l2 + s->l3, s->n - s->l2 - s->l3, 0) & 0xffff);
    return done;
}

/* A segment whose sum is left to the device, and which that can complete. */
static void expect_left(const struct sunk *s)
{
    struct sunk done = completed(s);

    EXPECT(is_segment(s));
    EXPECT((s->flags & ORDERS) ==
           (RTE_MBUF_F_TX_TCP_CKSUM | (t.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4)));
    EXPECT(s->l2 == ip_at(s) && s->l2 + s->l3 == tcp_at(s));
    EXPECT(s->l4 == (s->bytes[tcp_at(s) + 12] >> 4) * 4u);
    EXPECT(frame_be16(s->bytes + tcp_at(s) + 16) == pseudo_of(s, IP_PROTO_TCP));
    EXPECT(ip_sum_right(s) && tcp_sum_right(&done));
}

/* Something arrives, and what lwIP answers goes to the device. */
static void put(const uint8_t *frame, size_t n)
{
    frames_put(frame, n);
    ports_flush(&t.ports);
}

static void segment(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t n)
{
    static const uint8_t data[1000], size[] = {2, 4, 1440 >> 8, 1440 & 0xff};
    struct segment s = {.host = HOST,
                        .port = CLIENT,
                        .v6 = t.v6,
                        .flags = flags,
                        .seq = seq,
                        .ack = ack,
                        .window = 60000,
                        .data = data,
                        .n = n};

    if (flags == TCP_SYN) {
        s.options = size;
        s.n_options = sizeof size;
    }
    frames_segment(&s);
    ports_flush(&t.ports);
}

/* To the question for the client's address. */
static void answer_arp(void)
{
    uint8_t f[42] = {[6] = 2,  [11] = HOST, [12] = 8,  [13] = 6, [15] = 1,    [16] = 8,
                     [18] = 6, [19] = 4,    [21] = 2,  [22] = 2, [27] = HOST, [28] = 10,
                     [29] = 9, [31] = HOST, [38] = 10, [39] = 9, [41] = 1};

    memcpy(f, frames_mac, 6);
    memcpy(f + 32, frames_mac, 6);
    put(f, sizeof f);
}

/* RFC 4861 4.4, solicited. */
static void answer_nd(void)
{
    uint8_t f[14 + 40 + 32] = {[6] = 2, [11] = HOST, [12] = 0x86, [13] = 0xdd}, *ip = f + 14,
                        *na = ip + 40;

    memcpy(f, frames_mac, 6);
    ip[0] = 0x60;
    put16(ip + 4, 32);
    ip[6] = IP6_NEXTH_ICMP6;
    ip[7] = 255;
    memcpy(ip + 8, frames_v6, 16);
    ip[23] = HOST;
    memcpy(ip + 24, frames_v6, 16);
    na[0] = 136;
    na[4] = 0x60;
    memcpy(na + 8, ip + 8, 16);
    na[24] = 2;
    na[25] = 1;
    memcpy(na + 26, f + 6, 6);
    put(f, sizeof f);
}

/* Bytes behind a TCP header without options. */
static size_t data_of(const struct sunk *s)
{
    return s->n - tcp_at(s) - 20;
}

static uint32_t seq_of(const struct sunk *s)
{
    return frame_be32(s->bytes + tcp_at(s) + 4);
}

static uint8_t flags_of(const struct sunk *s)
{
    return s->bytes[tcp_at(s) + 13];
}

/* A handshake; the neighbour is asked for first, and what waited for him then goes. */
static void shake_hands(bool v6, bool tagged, bool makes_sums)
{
    begin(v6, tagged, makes_sums);
    segment(TCP_SYN, FIRST, 0, 0);
    if (!is_segment(last()))
        v6 ? answer_nd() : answer_arp();
    EXPECT(flags_of(last_segment()) == (TCP_SYN | TCP_ACK));
    segment(TCP_ACK, FIRST + 1, seq_of(last_segment()) + 1, 0);
    EXPECT(t.pcb != NULL);
}

static void send_bytes(uint16_t n)
{
    static uint8_t data[1400];

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + n);
    check(t.pcb && tcp_write(t.pcb, data, n, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_nagle_disable(t.pcb);
    tcp_output(t.pcb);
    ports_flush(&t.ports);
}

static const struct {
    bool v6, tagged;
} kinds[] = {{false, false}, {true, false}, {false, true}, {true, true}};

#define EACH_KIND(k) for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)

TEST("a segment says what the device is to do and where, and lwIP has made no sum of it")
{
    static const uint16_t sizes[] = {1, 2, 3, 536, 999, 1400};

    EACH_KIND(k)
    {
        shake_hands(kinds[k].v6, kinds[k].tagged, true);
        expect_left(last_segment()); /* SYN and ACK, with options */
        EXPECT(last_segment()->l4 > 20);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            const struct sunk *sent;

            send_bytes(sizes[i]);
            sent = last_segment();
            EXPECT(data_of(sent) == sizes[i]);
            EXPECT(t.pcb->unacked->tcphdr->chksum == 0);
            expect_left(sent);
            segment(TCP_ACK, FIRST + 1, seq_of(sent) + sizes[i], 0);
        }
        segment(TCP_ACK | TCP_PSH, FIRST + 1, t.pcb->snd_nxt, 1000);
        frames_wait(300);
        ports_flush(&t.ports);
        EXPECT(data_of(last_segment()) == 0); /* an acknowledgement */
        expect_left(last_segment());
        tcp_abort(t.pcb);
        ports_flush(&t.ports);
        EXPECT(flags_of(last_segment()) & TCP_RST);
        expect_left(last_segment());
        EXPECT(t.sink->n_ready == t.sink->n && t.sink->n_free == SINK_PACKETS);
    }
}

TEST("of a segment of several frames each is left to the device, in its order")
{
    static const uint8_t data[5 * 1440];

    EACH_KIND(k)
    {
        unsigned before;

        shake_hands(kinds[k].v6, kinds[k].tagged, true);
        before = t.sink->n;
        t.pcb->cwnd = 60000;
        EXPECT(tails_write(t.pcb, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
        tcp_output(t.pcb);
        ports_flush(&t.ports);
        EXPECT(t.pcb->unacked->len > 3 * 1400 && t.sink->n >= before + 5);
        for (unsigned i = before; i < t.sink->n; i++)
            expect_left(&t.sink->frame[i]);
        EXPECT(seq_of(last_segment()) + data_of(last_segment()) == t.pcb->snd_nxt);
    }
}

TEST("what is sent again, with another acknowledgement in it, is left to the device again")
{
    EACH_KIND(k)
    {
        const struct sunk *once, *again;

        shake_hands(kinds[k].v6, kinds[k].tagged, true);
        send_bytes(1001);
        once = last_segment();
        segment(TCP_ACK | TCP_PSH, FIRST + 1, seq_of(once), 700);
        frames_wait(3000);
        ports_flush(&t.ports);
        again = last_segment();
        EXPECT(again > once && seq_of(again) == seq_of(once) && again->n == once->n);
        EXPECT(memcmp(again->bytes + tcp_at(again) + 8, once->bytes + tcp_at(once) + 8, 4) != 0);
        expect_left(again);
    }
}

/* Sums of neighbour discovery, an echo's answer and a question for an address, and no orders. */
static void expect_from_here(const struct sunk *s)
{
    size_t at = tcp_at(s);
    uint32_t pseudo = t.v6 ? pseudo_of(s, IP6_NEXTH_ICMP6) : 0;

    EXPECT(!is_segment(s) && (s->flags & ORDERS) == 0 && s->l2 + s->l3 + s->l4 == 0);
    if (frame_be16(s->bytes + ip_at(s) - 2) != 0x0806)
        EXPECT(ip_sum_right(s) && sum_of(s->bytes + at, s->n - at, pseudo) == 0xffff);
}

static void ping4(void)
{
    uint8_t f[14 + 20 + 8 + 56] = {[6] = 2, [11] = HOST, [12] = 8}, *ip = f + 14;

    memcpy(f, frames_mac, 6);
    ip[0] = 0x45;
    put16(ip + 2, 20 + 8 + 56);
    ip[8] = 64;
    ip[9] = IP_PROTO_ICMP;
    memcpy(ip + 12, (const uint8_t[]){10, 9, 0, HOST, 10, 9, 0, 1}, 8);
    put16(ip + 10, ~sum_of(ip, 20, 0) & 0xffff);
    ip[20] = 8;
    put16(ip + 22, ~sum_of(ip + 20, 64, 0) & 0xffff);
    put(f, sizeof f);
}

TEST("questions for neighbours and answers to pings have their sums from here, and no orders")
{
    EACH_KIND(k)
    {
        shake_hands(kinds[k].v6, kinds[k].tagged, true);
        if (!kinds[k].v6) {
            ping4();
            EXPECT(last()->bytes[ip_at(last()) + 9] == IP_PROTO_ICMP);
            expect_from_here(last());
        }
        for (unsigned i = 0; i < t.sink->n; i++)
            if (!is_segment(&t.sink->frame[i]))
                expect_from_here(&t.sink->frame[i]);
        etharp_request(&frames.netif, netif_ip4_gw(&frames.netif));
        ports_flush(&t.ports);
        t.v6 = false; /* it is about the other family, then */
        expect_from_here(last());
    }
}

TEST("where the device makes none every sum is made here, no frame has orders, and none is made "
     "ready")
{
    EACH_KIND(k)
    {
        shake_hands(kinds[k].v6, kinds[k].tagged, false);
        send_bytes(999);
        send_bytes(1400);
        for (unsigned i = 0; i < t.sink->n; i++) {
            EXPECT((t.sink->frame[i].flags & ORDERS) == 0);
            if (is_segment(&t.sink->frame[i]))
                EXPECT(ip_sum_right(&t.sink->frame[i]) && tcp_sum_right(&t.sink->frame[i]));
        }
        EXPECT(t.sink->n_ready == 0 && t.sink->n_free == SINK_PACKETS);
    }
}

/* Three segments that wait for the device. */
static unsigned three_wait(void)
{
    shake_hands(false, false, true);
    t.sink->takes = 0;
    send_bytes(600);
    send_bytes(700);
    send_bytes(800);
    EXPECT(t.ports.port[0].n_tx == 3);
    return t.sink->n;
}

TEST("what the device did not take at once is made ready once more, and still right")
{
    unsigned before = three_wait();

    t.sink->takes = 1;
    for (unsigned i = 1; i <= 3; i++) {
        ports_flush(&t.ports);
        EXPECT(t.sink->n == before + i && data_of(last_segment()) == 500 + i * 100);
        expect_left(last_segment());
    }
    EXPECT(t.ports.port[0].tx_frames == t.sink->n && t.ports.port[0].tx_refused == 0);
}

TEST("a frame that the device can not send at all is given back and counted, in nobody's way")
{
    unsigned before = three_wait();

    t.sink->too_long = 14 + 40 + 700;
    t.sink->takes = SINK_PACKETS;
    ports_flush(&t.ports);
    EXPECT(t.sink->n == before + 2 && data_of(last_segment()) == 800);
    expect_left(last_segment());
    EXPECT(t.ports.port[0].tx_frames == t.sink->n && t.ports.port[0].tx_refused == 1);
    EXPECT(t.ports.port[0].n_tx == 0 && t.sink->n_free == SINK_PACKETS);
}

int main(void)
{
    return test_run();
}
