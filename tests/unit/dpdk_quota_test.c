/* What one of many connections may hold, and that who is out of window hears of more at once. */
#include "dataplane/dpdk/quota.h"
#include "tests/unit/frames.h"
#include "tests/unit/test.h"

#define PORT 5000
#define MANY 5000 /* connections, as far as the quota knows: two records for each */
#define SIZE 1024

static struct tcp_pcb *own;
static uint32_t withheld;

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)pcb;
    (void)err;
    if (p)
        pbuf_free(p);
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    demux_opened(pcb);
    own = pcb;
    tcp_recv(pcb, on_recv);
    quota_begin(pcb, MANY, &withheld);
    return ERR_OK;
}

/* So many bytes that nobody reads yet, the first with number seq. */
static void fill(uint32_t seq, unsigned bytes)
{
    static const uint8_t data[SIZE];

    for (unsigned i = 0; i * SIZE < bytes; i++)
        frames_segment(&(struct segment){.host = 2,
                                         .port = PORT,
                                         .flags = TCP_ACK,
                                         .seq = seq + i * SIZE,
                                         .ack = 0xffffff00u + PORT + 1,
                                         .window = 8192,
                                         .data = data,
                                         .n = (uint16_t)LWIP_MIN(SIZE, bytes - i * SIZE)});
}

static void begin(void)
{
    frames_fresh(on_accept);
    withheld = 0;
    frames_open(2, PORT, false, 10);
}

TEST(
    "one of many has a window of 64 KiB at first, as its SYN told, and of two records once that is "
    "read")
{
    begin();
    EXPECT(own->rcv_wnd == UINT16_MAX);
    fill(11, 63 * SIZE);
    quota_read(own, MANY, &withheld, 63 * SIZE);
    EXPECT(own->rcv_wnd == QUOTA_LEAST);
}

TEST("whoever has filled his part hears at once when a record of it was read")
{
    unsigned answers;

    begin();
    fill(11, 63 * SIZE);
    quota_read(own, MANY, &withheld, 63 * SIZE);
    fill(11 + 63 * SIZE, QUOTA_LEAST);
    EXPECT(own->rcv_wnd == 0 && own->rcv_ann_wnd == 0);
    answers = frames.others;
    quota_read(own, MANY, &withheld, 16 << 10);
    acks_send();
    EXPECT(frames.others == answers + 1 && own->rcv_ann_wnd >= 16 << 10);
}

TEST("ten thousand sessions, each with all that it may have sent, do not run out of segments")
{
    const unsigned sessions = 10000, legs = 2 * sessions, mss = 1448;
    const struct tcp_pcb fresh = {.snd_buf = TCP_SND_BUF};
    const size_t all = 64u << 20;

    EXPECT(sessions * ((quota_room(&fresh, legs, all) + mss - 1) / mss) <= MEMP_NUM_TCP_SEG);
    EXPECT(quota_worth(legs, all) >= 4096 && quota_room(&fresh, 2, all) == TCP_SND_BUF);
}

TEST("of ten thousand each may send whole records while all together have less than half under way")
{
    const struct tcp_pcb fresh = {.snd_buf = TCP_SND_BUF};
    const struct tcp_pcb busy = {.snd_buf = TCP_SND_BUF - (16 << 10)};
    const size_t half = 32u << 20;

    EXPECT(quota_room(&fresh, 20000, half - 1) == QUOTA_LEAST);
    EXPECT(quota_room(&busy, 20000, half - 1) == QUOTA_LEAST - (16 << 10));
    EXPECT(quota_room(&fresh, 20000, half) == 8 << 10 && quota_room(&busy, 20000, half) == 0);
}

TEST("two of the longest records go at once, a third waits until it fits as a whole")
{
    const size_t longest = 5 + 16384 + 256;
    struct tcp_pcb pcb = {.snd_buf = TCP_SND_BUF};

    EXPECT(quota_fit(&pcb, 20000, 0, longest) == longest);
    pcb.snd_buf -= longest;
    EXPECT(quota_fit(&pcb, 20000, 0, longest) == longest);
    pcb.snd_buf -= longest - 100;
    EXPECT(quota_room(&pcb, 20000, 0) == 100 && quota_fit(&pcb, 20000, 0, longest) == 0);
    EXPECT(quota_fit(&pcb, 20000, 0, 100) == 100);
    pcb.snd_buf = TCP_SND_BUF - (QUOTA_LEAST - quota_worth(20000, 0));
    EXPECT(quota_fit(&pcb, 20000, 0, longest) == longest);
}

TEST("what is longer than there may ever be room for goes in parts")
{
    const struct tcp_pcb fresh = {.snd_buf = TCP_SND_BUF};
    const size_t half = 32u << 20;

    EXPECT(quota_fit(&fresh, 20000, half, 16406) == 8 << 10);
    EXPECT(quota_fit(&fresh, 20000, 0, 1 << 20) == QUOTA_LEAST);
}

TEST("what all have under way is the sum of what each has, until it is no more")
{
    struct tcp_pcb a = {.snd_buf = TCP_SND_BUF - 1000}, b = {.snd_buf = TCP_SND_BUF - 500};
    uint32_t own_a = 0, own_b = 0;
    size_t all = 0;

    quota_count(&a, &own_a, &all);
    quota_count(&b, &own_b, &all);
    EXPECT(all == 1500);
    a.snd_buf = TCP_SND_BUF - 200;
    quota_count(&a, &own_a, &all);
    EXPECT(all == 700);
    quota_count(NULL, &own_a, &all);
    quota_count(NULL, &own_b, &all);
    EXPECT(all == 0);
}

int main(void)
{
    return test_run();
}
