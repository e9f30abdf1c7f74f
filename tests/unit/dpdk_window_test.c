/* What a connection hears, and what a stranger who guessed its ends can not do to it. */
#include "tests/unit/frames.h"
#include "tests/unit/test.h"

#define PORT  5000
#define FIRST 101                      /* the far end's next number, after frames_open() */
#define OURS  (0xffffff00u + PORT + 1) /* the same of ours */
#define SEGMENT_                                                                                   \
    {                                                                                              \
        .host = 2, .port = PORT, .flags = TCP_ACK, .seq = FIRST, .ack = OURS, .window = 8192       \
    }

static struct tcp_pcb *open_pcb;
static uint32_t received;
static bool ended;

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (!p) {
        ended = true;
        return ERR_OK;
    }
    received += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

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
    tcp_recv(pcb, on_recv);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

/* One open connection, and nothing said on it. */
static void begin(void)
{
    frames_fresh(on_accept);
    received = 0;
    ended = false;
    frames_open(2, PORT, false, FIRST - 1);
    frames.syn_acks = frames.resets = frames.others = 0;
    frames_wait(1000); /* since the last challenge */
}

static void send(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t n)
{
    static const uint8_t data[1000];
    struct segment s = SEGMENT_;

    s.flags = flags;
    s.seq = seq;
    s.ack = ack;
    s.n = n;
    s.data = data;
    frames_segment(&s);
}

TEST("data counts only in the window, and with an acknowledgement of what can have been sent")
{
    begin();
    send(TCP_ACK | TCP_PSH, FIRST, OURS + 1, 10);    /* of what was never sent */
    send(TCP_ACK | TCP_PSH, FIRST, OURS - 8194, 10); /* older than any that is under way */
    send(TCP_PSH, FIRST, 0, 10);                     /* none at all */
    send(TCP_ACK, FIRST + TCP_WND + 1, OURS, 10);    /* beyond the window */
    send(TCP_ACK, FIRST - TCP_WND - 20, OURS, 10);   /* before any window */
    EXPECT(received == 0 && open_pcb && !open_pcb->ooseq && !ended);
    send(TCP_ACK, FIRST, OURS, 10);
    EXPECT(received == 10);
}

TEST("what is out of the window moves neither our send window nor what is acknowledged")
{
    struct segment s = SEGMENT_;

    begin();
    EXPECT(tcp_write(open_pcb, "twelve bytes", 12, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(open_pcb);
    s.seq = FIRST + (1u << 29); /* lwIP takes a window from everything that is ahead */
    s.ack = OURS + 12;
    s.window = 0;
    frames_segment(&s);
    EXPECT(open_pcb->snd_wnd == 8192 && open_pcb->lastack == OURS && open_pcb->unacked);
    s.seq = FIRST;
    s.window = 100;
    frames_segment(&s);
    EXPECT(open_pcb->snd_wnd == 100 && open_pcb->lastack == OURS + 12 && !open_pcb->unacked);
    s.window = 60; /* taken back with the same numbers, */
    frames_segment(&s);
    EXPECT(open_pcb->snd_wnd == 60);
    s.seq = FIRST - 1; /* but not by an older one */
    s.window = 20;
    frames_segment(&s);
    EXPECT(open_pcb->snd_wnd == 60);
}

TEST("a keep-alive, one more of what was heard, and a probe of the window's edge are answered")
{
    begin();
    send(TCP_ACK, FIRST - 1, OURS, 0);
    EXPECT(frames.others == 1 && frames.ack == FIRST);
    send(TCP_ACK, FIRST, OURS, 500);
    frames.others = 0;
    send(TCP_ACK, FIRST, OURS, 500);
    EXPECT(received == 500 && frames.others == 1 && frames.ack == FIRST + 500);
    send(TCP_ACK, FIRST + 500 + open_pcb->rcv_wnd, OURS, 1);
    EXPECT(received == 500 && frames.others == 2);
}

TEST("a SYN in mid-connection is told the right number, once for many; a reset counts there only")
{
    begin();
    for (unsigned i = 0; i < 50; i++)
        send(TCP_SYN, 0x10000000u * i, 0, 0);
    EXPECT(frames.others == 1 && frames.ack == FIRST && frames.seq == OURS);
    for (unsigned i = 1; i < 50; i++)
        send(TCP_RST, FIRST + i * 1000, 0, 0);
    EXPECT(frames.others == 1 && open_pcb);
    frames_wait(1000);
    send(TCP_RST, FIRST + 1000, 0, 0); /* a challenge again, after a while */
    send(TCP_RST, FIRST - 1, 0, 0);
    send(TCP_RST, FIRST + (1u << 31), 0, 0);
    EXPECT(frames.others == 2 && open_pcb && frames.resets == 0);
    send(TCP_RST, FIRST, 0, 0);
    EXPECT(!open_pcb);
}

TEST("a half-open connection takes its own SYN again, not another's, and a reset only if it is "
     "exact")
{
    struct segment s = {.host = 3, .port = PORT, .flags = TCP_SYN, .seq = 500, .window = 8192};

    begin();
    frames_segment(&s);
    EXPECT(frames.syn_acks == 1);
    frames_segment(&s);
    EXPECT(frames.syn_acks == 2);
    frames_wait(1000);
    frames.syn_acks = frames.others = 0;
    s.seq = 70000;
    frames_segment(&s);
    EXPECT(frames.syn_acks == 0 && frames.others == 1 && frames.ack == 501);
    s.flags = TCP_RST;
    s.seq = 502;
    frames_segment(&s);
    s.flags = TCP_ACK;
    s.seq = 501;
    s.ack = 0xffffff00u + PORT + 1;
    frames_segment(&s);
    EXPECT(open_pcb && open_pcb->remote_port == PORT && open_pcb->state == ESTABLISHED);
}

/* We end first, and the far end follows. */
static void both_end(void)
{
    EXPECT(tcp_close(open_pcb) == ERR_OK);
    send(TCP_ACK | TCP_FIN, FIRST, OURS + 1, 0);
}

TEST("in TIME-WAIT a reset is ignored, old data answered, and a newer SYN begins anew")
{
    begin();
    both_end();
    EXPECT(tcp_tw_pcbs && !tcp_active_pcbs);
    frames_open(3, PORT, false, 9); /* others begin meanwhile, and the list is whole afterwards */
    EXPECT(tcp_active_pcbs && tcp_tw_pcbs && tcp_tw_pcbs->state == TIME_WAIT);
    tcp_abort(open_pcb);
    send(TCP_RST, FIRST + 1, 0, 0);
    EXPECT(tcp_tw_pcbs);
    frames.others = frames.syn_acks = 0;
    send(TCP_ACK, FIRST, OURS + 1, 0);
    send(TCP_ACK | TCP_FIN, FIRST, OURS + 1, 0);
    EXPECT(frames.others == 1 && frames.ack == FIRST + 1);
    send(TCP_SYN, FIRST - 50, 0, 0);
    EXPECT(tcp_tw_pcbs && frames.syn_acks == 0);
    frames_open(2, PORT, false, FIRST + 900000);
    EXPECT(!tcp_tw_pcbs && open_pcb && open_pcb->state == ESTABLISHED && frames.syn_acks == 1);
}

TEST("what does not fit into the window goes in parts, and the end comes with the last of them")
{
    static const uint8_t data[500];
    struct segment s = SEGMENT_;

    begin();
    send(TCP_ACK, FIRST, OURS, 1);
    s.seq = FIRST + 1;
    s.n = 1;
    s.data = data;
    s.window = 300;
    frames_segment(&s);
    EXPECT(tcp_write(open_pcb, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    EXPECT(tcp_shutdown(open_pcb, 0, 1) == ERR_OK);
    frames.n = 0;
    frames_wait(2000); /* until it is tired of waiting for more room */
    EXPECT(frames.n == 300 && frames.seq == OURS && !(frames.flags & TCP_FIN));
    s.n = 0;
    s.seq = FIRST + 2;
    s.ack = OURS + 300;
    s.window = 8192;
    frames_segment(&s);
    EXPECT(frames.n == 200 && frames.seq == OURS + 300 && (frames.flags & TCP_FIN));
}

TEST("a segment size counts in the first SYN alone: another's would break what is queued already")
{
    static const uint8_t data[500], tiny[4] = {2, 4, 0, 1}, huge[4] = {2, 4, 0x22, 0xec};
    struct segment s = SEGMENT_;
    uint16_t mss;

    begin();
    mss = open_pcb->mss;
    send(TCP_ACK, FIRST, OURS, 1);
    s.seq = FIRST + 1;
    s.n = 1;
    s.data = data;
    s.window = 300; /* what is written waits */
    frames_segment(&s);
    s.seq++;
    s.n = 0;
    EXPECT(tcp_write(open_pcb, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    s.options = tiny;
    s.n_options = 4;
    frames_segment(&s);
    EXPECT(tcp_write(open_pcb, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    s.options = huge;
    frames_segment(&s);
    EXPECT(open_pcb->mss == mss);
    s.port = PORT + 1;
    s.flags = TCP_SYN;
    s.options = tiny;
    frames_segment(&s); /* of one byte: not so little */
    s.options = huge;
    frames_segment(&s);
    EXPECT(tcp_active_pcbs->remote_port == PORT + 1 && tcp_active_pcbs->mss == 256);
}

TEST("who can not be answered is not heard: our own address, many, nobody, this host")
{
    static const uint8_t sources[][4] = {{10, 9, 0, 1},   {224, 0, 0, 1}, {255, 255, 255, 255},
                                         {10, 9, 0, 255}, {0, 0, 0, 0},   {127, 0, 0, 1},
                                         {240, 0, 0, 1}};
    uint8_t frame[54] = {2,    0, 0,  0,  0, 1, 2,    0,    0,  0,    0,           2, 8,  0,
                         0x45, 0, 0,  40, 0, 0, 0,    0,    64, 6,    0,           0, 10, 9,
                         0,    2, 10, 9,  0, 1, 0x27, 0x10, 1,  0xbb, [46] = 0x50, 2, 32, 0};

    begin();
    for (unsigned i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        memcpy(frame + 26, sources[i], 4);
        frames_put(frame, sizeof frame);
    }
    memcpy(frame + 26, "\x0a\x09\x00\x02", 4);
    frame[0] |= 1; /* a frame to many */
    frames_put(frame, sizeof frame);
    EXPECT(frames.syn_acks == 0 && frames.resets == 0);
    frame[0] &= 0xfe;
    frames_put(frame, sizeof frame);
    EXPECT(frames.syn_acks == 1);
}

TEST("nor over IPv6: our own address, many, nobody, an IPv4 address in disguise")
{
    static const uint8_t sources[][16] = {{0xfd, 9, [15] = 1},
                                          {0xff, 2, [15] = 1},
                                          {0},
                                          {[15] = 1},
                                          {[10] = 0xff, 0xff, 10, 9, 0, 2}};
    struct segment s = {.host = 2, .port = PORT, .v6 = true, .flags = TCP_SYN, .window = 8192};
    uint8_t frame[74] = {2, 0, 0, 0, 0, 1, 2, [12] = 0x86, 0xdd};

    begin();
    frames_ip6(frame + 14, &s, 20);
    put16(frame + 54, PORT + 1);
    put16(frame + 56, FRAMES_PORT);
    frame[66] = 0x50;
    frame[67] = TCP_SYN;
    for (unsigned i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        memcpy(frame + 22, sources[i], 16);
        frames_put(frame, sizeof frame);
    }
    EXPECT(frames.syn_acks == 0 && frames.resets == 0);
    frames_ip6(frame + 14, &s, 20);
    frames_put(frame, sizeof frame);
    EXPECT(frames.syn_acks == 1);
}

int main(void)
{
    return test_run();
}
