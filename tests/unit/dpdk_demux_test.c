/* Segments find their connection, and a flood of beginnings costs a fixed amount. */
#include "tests/unit/frames.h"
#include "tests/unit/test.h"

#define MANY      3000
#define HALF_OPEN 2048 /* as demux keeps them */

static struct end { /* what a connection of ours has heard, by its port there */
    struct tcp_pcb *pcb;
    uint32_t bytes, sum;
    bool ended, broken;
} ends[65536];

static unsigned accepted;

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct end *e = arg;

    (void)err;
    if (!p) {
        e->ended = true;
        return ERR_OK;
    }
    for (u16_t i = 0; i < p->tot_len; i++)
        e->sum += pbuf_get_at(p, i);
    e->bytes += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    struct end *e = arg;

    (void)err;
    e->pcb = NULL;
    e->broken = true;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct end *e = &ends[pcb->remote_port];

    (void)arg;
    if (err != ERR_OK)
        return ERR_VAL;
    demux_opened(pcb);
    memset(e, 0, sizeof *e);
    e->pcb = pcb;
    accepted++;
    tcp_arg(pcb, e);
    tcp_recv(pcb, on_recv);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

static void begin(void)
{
    frames_fresh(on_accept);
    memset(ends, 0, sizeof ends);
    accepted = 0;
}

static unsigned active(void)
{
    unsigned n = 0;

    for (struct tcp_pcb *p = tcp_active_pcbs; p && n < 100000; p = p->next)
        n++;
    return n;
}

/* One byte, as the first after the handshake. */
static void byte(uint16_t port, bool v6, uint32_t seq, uint8_t value)
{
    frames_segment(&(struct segment){.host = 2,
                                     .port = port,
                                     .v6 = v6,
                                     .flags = TCP_ACK | TCP_PSH,
                                     .seq = seq,
                                     .ack = 0xffffff00u + port + 1,
                                     .window = 8192,
                                     .data = &value,
                                     .n = 1});
}

TEST("each of three thousand connections gets its own bytes, over IPv4 and IPv6")
{
    unsigned right = 0;

    begin();
    for (unsigned i = 1; i <= MANY; i++)
        frames_open(2, (uint16_t)(1000 + i), i % 2, 7 * i);
    EXPECT(accepted == MANY && active() == MANY);
    for (unsigned i = MANY; i >= 1; i--)
        byte((uint16_t)(1000 + i), i % 2, 7 * i + 1, (uint8_t)(i % 251));
    for (unsigned i = 1; i <= MANY; i++)
        right += ends[1000 + i].bytes == 1 && ends[1000 + i].sum == i % 251;
    EXPECT(right == MANY && active() == MANY && !frames.resets);
}

/* The far end of `port` ends it: by a reset, or by a FIN behind ours, which leaves it in TIME-WAIT.
 */
static void end(uint16_t port, bool reset, uint32_t seq)
{
    struct segment s = {.host = 2,
                        .port = port,
                        .flags = reset ? TCP_RST : TCP_ACK | TCP_FIN,
                        .seq = seq,
                        .ack = 0xffffff00u + port + 2,
                        .window = 8192};

    if (!reset)
        tcp_shutdown(ends[port].pcb, 0, 1);
    frames_segment(&s);
}

TEST("whichever of a list of connections ends, the others are found and can be ended, in any order")
{
    static const uint16_t orders[][3] = {{1, 2, 3}, {3, 2, 1}, {2, 1, 3}, {2, 3, 1}};

    for (unsigned i = 0; i < 8; i++) {
        const uint16_t *order = orders[i / 2];

        begin();
        for (uint16_t k = 1; k <= 3; k++)
            frames_open(2, (uint16_t)(5000 + k), false, 10);
        for (unsigned k = 0; k < 3; k++) {
            EXPECT(active() == 3 - k);
            end((uint16_t)(5000 + order[k]), i % 2, 11 + k);
            for (unsigned later = k + 1; later < 3; later++)
                byte((uint16_t)(5000 + order[later]), false, 11 + k, 1);
            for (unsigned later = k + 1; later < 3; later++)
                EXPECT(ends[5000 + order[later]].bytes == k + 1);
        }
        EXPECT(active() == 0);
    }
}

TEST("one port of two hosts, and of two families, is so many connections")
{
    begin();
    frames_open(2, 5000, false, 10);
    frames_open(3, 5000, false, 10);
    frames_open(2, 5000, true, 10);
    EXPECT(accepted == 3 && active() == 3);
}

static struct tuple ends_of(uint16_t port)
{
    return (struct tuple){.remote = {10, 9, 0, 2},
                          .local = {10, 9, 0, 1},
                          .remote_port = lwip_htons(port),
                          .local_port = lwip_htons(FRAMES_PORT)};
}

TEST("what stands for several segments is acknowledged in its turn, one alone after a while")
{
    struct tuple t = ends_of(5000);

    begin();
    frames_open(2, 5000, false, 10);
    frames.others = 0;
    byte(5000, false, 11, 1);
    EXPECT(!frames.others);
    frames_wait(100);
    EXPECT(frames.others == 1 && frames.ack == 12);
    demux_ack_next(&t);
    byte(5000, false, 12, 1);
    EXPECT(frames.others == 2 && frames.ack == 13);
}

TEST("the connections of a burst are found at once, each by its ends, and those of nobody are none")
{
    struct demux_entry *found[DEMUX_AHEAD];
    const struct tuple *asked[DEMUX_AHEAD];
    struct tuple t[DEMUX_AHEAD];

    begin();
    for (uint16_t i = 0; i < DEMUX_AHEAD; i++) {
        t[i] = ends_of((uint16_t)(5000 + i / 2)); /* each twice */
        asked[i] = &t[i];
        if (i % 2 && i < DEMUX_AHEAD - 2)
            frames_open(2, (uint16_t)(5000 + i / 2), false, 10);
    }
    demux_ahead(asked, DEMUX_AHEAD, found);
    for (uint16_t i = 0; i < DEMUX_AHEAD - 2; i++)
        EXPECT(found[i] && found[i]->pcb == ends[5000 + i / 2].pcb);
    EXPECT(!found[DEMUX_AHEAD - 2] && !found[DEMUX_AHEAD - 1]);
}

TEST("a connection that was found ahead and has ended meanwhile is not met, whoever has its place")
{
    struct tuple t = ends_of(5000), other = ends_of(6000);
    const struct tuple *asked = &t;
    struct demux_entry *found;

    for (unsigned taken = 0; taken < 2; taken++) {
        begin();
        frames_open(2, 5000, false, 10);
        demux_ahead(&asked, 1, &found);
        tcp_abort(ends[5000].pcb);
        if (taken)
            frames_open(2, 6000, false, 10);
        demux_expect(found);
        EXPECT(!demux_find(&t) && active() == taken);
        EXPECT(!taken || demux_find(&other)->pcb == ends[6000].pcb);
    }
}

TEST("of more beginnings than are kept the oldest makes room, silently, and a caller after the "
     "flood gets in")
{
    struct segment s = {.host = 9, .flags = TCP_SYN, .window = 8192};

    begin();
    frames_open(2, 4999, false, 77);
    for (unsigned i = 0; i < 2 * HALF_OPEN; i++) {
        s.port = (uint16_t)(10000 + i);
        frames_segment(&s);
    }
    EXPECT(frames.syn_acks == 2 * HALF_OPEN + 1 && frames.resets == 0);
    EXPECT(active() <= HALF_OPEN + 1);
    frames_open(2, 5000, false, 77);
    EXPECT(accepted == 2);
    byte(5000, false, 78, 5);
    byte(4999, false, 78, 6);
    EXPECT(ends[5000].sum == 5 && ends[4999].sum == 6);
    s.port = 10000; /* the first of the flood is forgotten: its ACK is nobody's */
    s.flags = TCP_ACK;
    s.seq = 1;
    s.ack = 0xffffff00u + 10000 + 1;
    frames_segment(&s);
    EXPECT(frames.resets == 1 && accepted == 2);
}

TEST("beginnings that never go on are gone in time, and what is open stays")
{
    struct segment s = {.host = 9, .flags = TCP_SYN, .window = 8192};

    begin();
    frames_open(2, 5000, false, 77);
    for (unsigned i = 0; i < 100; i++) {
        s.port = (uint16_t)(10000 + i);
        frames_segment(&s);
    }
    EXPECT(active() == 101);
    frames_wait(120 * 1000);
    EXPECT(active() == 1 && ends[5000].pcb);
}

TEST("segments out of the window change nothing, and a RST counts only at the next number (RFC "
     "5961)")
{
    uint8_t one = 1;
    struct segment s = {.host = 2,
                        .port = 5000,
                        .flags = TCP_ACK | TCP_PSH,
                        .ack = 0xffffff00u + 5001,
                        .window = 8192,
                        .data = &one,
                        .n = 1};
    static const uint32_t outside[] = {101 + (1u << 20), 101 - 70000, 101 + 0x80000000u, 0};

    begin();
    frames_open(2, 5000, false, 100);
    for (unsigned i = 0; i < 4; i++) {
        s.seq = outside[i];
        frames_segment(&s);
    }
    EXPECT(ends[5000].bytes == 0 && frames.resets == 0);
    s.n = 0;
    s.flags = TCP_RST;
    for (unsigned i = 0; i < 4; i++) {
        s.seq = outside[i];
        frames_segment(&s);
    }
    s.seq = 102; /* in the window: asked about, not obeyed */
    frames_segment(&s);
    EXPECT(ends[5000].pcb && !ends[5000].broken && active() == 1);
    s.flags = TCP_SYN; /* in mid-connection: told what number is right */
    frames_segment(&s);
    EXPECT(ends[5000].pcb && active() == 1);
    byte(5000, false, 101, 9);
    EXPECT(ends[5000].sum == 9);
    s.flags = TCP_RST;
    s.seq = 102;
    frames_segment(&s);
    EXPECT(ends[5000].broken && active() == 0);
}

TEST("a segment half of all numbers away is dropped, and not behind a header of options either")
{
    static const uint8_t zero[8];
    uint8_t one = 1, frame[14 + 40 + 8 + 20 + 1] = {2, 0, 0, 0, 0, 1, 2, [12] = 0x86, 0xdd};
    struct segment s = {.host = 2,
                        .port = 5000,
                        .v6 = true,
                        .flags = TCP_ACK,
                        .window = 8192,
                        .n = 1,
                        .data = &one,
                        .ack = 0xffffff00u + 5001};

    begin();
    frames_open(2, 5000, true, 100);
    for (unsigned i = 0; i < 4; i++) {
        s.seq = 101 + 0x80000000u - i;
        frames_segment(&s);
    }
    s.seq = 101 + 0x80000000u;
    frames_ip6(frame + 14, &s, 8 + 20 + 1);
    frame[14 + 6] = 60; /* destination options, eight bytes of them */
    memcpy(frame + 54, zero, 8);
    frame[54] = IP_PROTO_TCP;
    put16(frame + 62, 5000);
    put16(frame + 64, FRAMES_PORT);
    put32(frame + 66, s.seq);
    put32(frame + 70, s.ack);
    frame[74] = 0x50;
    frame[75] = TCP_ACK;
    frames_put(frame, sizeof frame);
    EXPECT(ends[5000].pcb && ends[5000].bytes == 0);
    byte(5000, true, 101, 9);
    EXPECT(ends[5000].sum == 9);
}

TEST("what comes early waits for what is missing, and comes once however often it was sent")
{
    uint8_t piece[4] = {1, 2, 4, 8};
    struct segment s = {
        .host = 2, .port = 5000, .flags = TCP_ACK, .ack = 0xffffff00u + 5001, .window = 8192};
    static const uint8_t order[] = {3, 1, 3, 2, 1, 0, 2, 3};

    begin();
    frames_open(2, 5000, false, 100);
    for (unsigned i = 0; i < sizeof order; i++) {
        s.seq = 101u + order[i];
        s.data = &piece[order[i]];
        s.n = 1;
        frames_segment(&s);
    }
    EXPECT(ends[5000].bytes == 4 && ends[5000].sum == 15 && frames.ack == 105);
}

TEST("a header that lies about its length, a frame that is cut short, a fragment and an unknown "
     "protocol are dropped without "
     "an answer")
{
    uint8_t frame[64] = {2,    0, 0,  0,  0, 1, 2,    0,    0,  0,    0,           2, 8,  0,
                         0x45, 0, 0,  40, 0, 0, 0,    0,    64, 6,    0,           0, 10, 9,
                         0,    2, 10, 9,  0, 1, 0x27, 0x10, 1,  0xbb, [46] = 0x50, 2, 32, 0};
    static const struct {
        uint8_t at, value;
    } lies[] = {{16, 9}, {17, 60}, {14, 0x41}, {14, 0x65}, {20, 0x20},
                {21, 1}, {23, 99}, {46, 0xf0}, {46, 0x10}};

    begin();
    frames_put(frame, 54);
    EXPECT(frames.syn_acks == 1);
    for (unsigned i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t was = frame[lies[i].at];

        frame[lies[i].at] = lies[i].value;
        frame[35] = (uint8_t)(0x20 + i);
        frames_put(frame, 54);
        frame[lies[i].at] = was;
    }
    for (size_t n = 1; n < 54; n++)
        frames_put(frame, n);
    memcpy(frame + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01", 10); /* ARP */
    for (size_t n = 14; n < 14 + 28; n++)
        frames_put(frame, n);
    EXPECT(frames.syn_acks == 1 && frames.resets == 0 && active() == 1);
}

/* Both ends finish, ours first, so that it is ours to wait for what may still be on its way. */
static void finish(uint16_t port, uint32_t seq)
{
    struct segment s = {.host = 2,
                        .port = port,
                        .flags = TCP_ACK | TCP_FIN,
                        .seq = seq,
                        .ack = 0xffffff00u + port + 2,
                        .window = 8192};

    demux_front(ends[port].pcb);
    tcp_close(ends[port].pcb);
    frames_segment(&s);
}

static unsigned in_time_wait(void)
{
    unsigned n = 0;

    for (struct tcp_pcb *p = tcp_tw_pcbs; p && n < 100000; p = p->next)
        n++;
    return n;
}

TEST("connections end in any order, by either end, by time or by our word, and the others go on")
{
    unsigned right = 0;

    begin();
    for (unsigned i = 1; i <= 600; i++)
        frames_open(2, (uint16_t)(1000 + i), false, 7 * i);
    for (unsigned i = 0; i < 600; i++) {
        uint16_t port = (uint16_t)(1001 + i * 7 % 600);
        struct segment reset = {
            .host = 2, .port = port, .flags = TCP_RST, .seq = 7u * (port - 1000u) + 1};

        if (i % 4 == 1) {
            demux_front(ends[port].pcb);
            tcp_abort(ends[port].pcb);
        } else if (i % 4 == 2) {
            frames_segment(&reset);
        } else if (i % 4 == 3) {
            finish(port, 7u * (port - 1000u) + 1);
        }
    }
    EXPECT(active() == 150 && in_time_wait() == 150);
    for (unsigned i = 0; i < 600; i += 4)
        byte((uint16_t)(1001 + i * 7 % 600), false, 7 * (1 + i * 7 % 600) + 1, 3);
    for (unsigned i = 0; i < 600; i += 4)
        right += ends[1001 + i * 7 % 600].sum == 3;
    EXPECT(right == 150);
    frames_wait(30 * 1000);
    EXPECT(active() == 150 && in_time_wait() == 0);
}

TEST("when every connection is taken by ends that wait for late segments, the oldest makes room")
{
    begin();
    frames_open(2, 60000, false, 5);
    for (unsigned i = 0; i < MEMP_NUM_TCP_PCB + 100; i++) {
        uint16_t port = (uint16_t)(1000 + i);

        frames_open(2, port, false, 100);
        finish(port, 101);
    }
    EXPECT(accepted == MEMP_NUM_TCP_PCB + 101 && active() == 1);
    EXPECT(in_time_wait() < MEMP_NUM_TCP_PCB && in_time_wait() > MEMP_NUM_TCP_PCB - 100);
    byte(60000, false, 6, 9);
    EXPECT(ends[60000].sum == 9);
}

int main(void)
{
    return test_run();
}
