/* The ends of lwIP's queues are known, whatever happens to the queues, and every byte goes out in
 * its place. */
#include "dataplane/dpdk/mend.h"
#include "dataplane/dpdk/pmtu.h"
#include "dataplane/dpdk/tails.h"
#include "tests/unit/frames.h"
#include "tests/unit/test.h"

#define PORT  5000
#define FIRST (0xffffff00u + PORT + 1) /* our first byte's number */

static struct tcp_pcb *own;
static bool broken;

static void on_error(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    own = NULL;
    broken = true;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    demux_opened(pcb);
    own = pcb;
    tcp_err(pcb, on_error);
    tcp_nagle_disable(pcb);
    return ERR_OK;
}

/* A connection whose frames bear `mss` bytes at most. */
static void begin_with(uint16_t mss)
{
    uint8_t option[4] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};
    struct segment s = {.host = 2,
                        .port = PORT,
                        .flags = TCP_SYN,
                        .seq = 100,
                        .window = 8192,
                        .options = option,
                        .n_options = 4};

    frames_fresh(on_accept);
    broken = false;
    frames_segment(&s);
    s = (struct segment){.host = 2,
                         .port = PORT,
                         .flags = TCP_ACK,
                         .seq = 101,
                         .ack = frames.seq + 1,
                         .window = 8192};
    frames_segment(&s);
}

static void begin(void)
{
    begin_with(536);
}

/* The far end has everything up to there, and room for so much more. */
static void ack(uint32_t upto, uint16_t window)
{
    frames_segment(&(struct segment){.host = 2,
                                     .port = PORT,
                                     .flags = TCP_ACK,
                                     .seq = 101,
                                     .ack = FIRST + upto,
                                     .window = window});
}

/* The last; its bytes and theirs before it are added to *n. */
static const struct tcp_seg *last_of(const struct tcp_seg *seg, uint32_t *n)
{
    for (; seg; seg = seg->next) {
        *n += seg->len;
        if (!seg->next)
            return seg;
    }
    return NULL;
}

/* Each begins where one before it ends, or further on, and the far end has all of none. */
static bool in_place(const struct tcp_seg *seg)
{
    uint32_t from = own->lastack;

    for (; seg; seg = seg->next) {
        uint32_t begin = lwip_ntohl(seg->tcphdr->seqno);

        if (!TCP_SEQ_GT(begin + TCP_TCPLEN(seg), from) ||
            (from != own->lastack && TCP_SEQ_LT(begin, from)))
            return false;
        from = begin + TCP_TCPLEN(seg);
    }
    return true;
}

/* The ends are right, and every byte from the first that is not acknowledged on is in a queue. */
static bool sane(void)
{
    const struct demux_entry *e = tcp_ext_arg_get(own, 0);
    uint32_t n = 0, owed = own->snd_lbb - own->lastack;
    const struct tcp_seg *unsent = last_of(own->unsent, &n), *unacked = last_of(own->unacked, &n);

    return (int32_t)(n + 1 - owed) >= 0 && in_place(own->unsent) && in_place(own->unacked) &&
           (own->state != ESTABLISHED || !unsent || !e->unsent_end || e->unsent_end == unsent) &&
           (!unacked || !e->unacked_end || e->unacked_end == unacked);
}

static uint32_t under_way(void)
{
    return own->snd_nxt - own->lastack;
}

TEST("both ends are known while a hundred writes wait and go")
{
    static const uint8_t data[1000];
    const struct demux_entry *e;

    begin();
    e = tcp_ext_arg_get(own, 0);
    for (unsigned i = 0; i < 100; i++)
        EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK && sane());
    EXPECT(e->unsent_end && !e->unsent_end->next && e->unsent_end != own->unsent);
    tcp_output(own);
    EXPECT(sane() && e->unacked_end && !e->unacked_end->next && under_way() > 0);
    for (uint32_t got = 0; got < 100000; got += under_way())
        ack(got, 60000);
    EXPECT(sane());
    ack(100000, 60000);
    EXPECT(!own->unsent && !own->unacked && !e->unsent_end && !broken);
}

TEST("what is not sent yet when we finish goes before the FIN, and an end that went is not used "
     "again")
{
    static const uint8_t data[30000];
    uint32_t got = 0;

    begin();
    EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(own);
    tcp_shutdown(own, 0, 1);
    EXPECT(tails_write(own, data, 1, TCP_WRITE_FLAG_COPY) == ERR_CONN);
    for (unsigned i = 0; i < 100 && got < 30001; i++) {
        got += under_way();
        ack(got, 8192);
        EXPECT(sane());
    }
    EXPECT(got == 30001 && own->state == FIN_WAIT_2);
}

/* A number below n. */
static uint32_t any(uint32_t n)
{
    return lwip_random() / 65536 % n;
}

static uint16_t longest(const struct tcp_seg *seg)
{
    uint16_t most = 0;

    for (; seg; seg = seg->next)
        most = seg->len > most ? seg->len : most;
    return most;
}

/* Returns the longest segment that lwIP made. */
static uint16_t come_in_any_order(uint16_t mss)
{
    static const uint8_t data[5000];
    uint32_t written = 0, got = 0, steps = 0;
    uint16_t most = 0;

    begin_with(mss);
    for (; steps < 300000 && own && sane(); steps++) {
        uint16_t n = (uint16_t)(1 + any(sizeof data)),
                 window = (uint16_t)(any(8) ? 20000 + any(40000) : any(900));

        switch (any(8)) {
        case 0:
        case 1:
        case 2:
            if (own->snd_buf > n && own->snd_queuelen < 200 &&
                tails_write(own, data, n,
                            (u8_t)(TCP_WRITE_FLAG_COPY | (any(2) ? TCP_WRITE_FLAG_MORE : 0))) ==
                    ERR_OK)
                written += n;
            most = LWIP_MAX(most, longest(own->unsent));
            tcp_output(own);
            break;
        case 3:
            for (unsigned i = 0; i < 4; i++)
                ack(got, own->snd_wnd > 60000 ? 60000 : (uint16_t)own->snd_wnd);
            break;
        case 4:
            if (!any(50))
                frames_wait(400);
            break;
        default:
            got += any(under_way() + 1);
            ack(got, window);
        }
    }
    EXPECT(steps == 300000 && !broken);
    for (unsigned i = 0; i < 10000 && own && got < written; i++) {
        got += under_way();
        ack(got, 60000);
        frames_wait(100);
    }
    EXPECT(got == written && written > 3000000);
    return most;
}

TEST("acknowledgements, losses, time-outs and windows that close come in any order, three hundred "
     "thousand times")
{
    EXPECT(come_in_any_order(536) == 536);
}

TEST("the same where segments are of several frames")
{
    EXPECT(come_in_any_order(1460) > 5 * 1460);
}

#define MSS 1460

/* So much was sent and acknowledged that all of the window may be under way. */
static uint32_t warm_up(void)
{
    static const uint8_t data[8 * MSS];
    uint32_t got = 0;

    begin_with(MSS);
    for (int i = 0; i < 100; i++) {
        EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
        tcp_output(own);
        got += under_way();
        ack(got, 60000);
    }
    EXPECT(!own->unsent && !own->unacked && own->cwnd > 60000);
    return got;
}

TEST("a segment of several frames is split where the window ends, by whole frames: a reader with a "
     "small one does not wait")
{
    static const uint8_t data[10 * MSS];
    uint32_t got = warm_up();

    EXPECT(tails_write(own, data, 1, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(own);
    ack(++got, 3 * MSS + 100);
    EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    EXPECT(longest(own->unsent) == 10 * MSS);
    tcp_output(own);
    EXPECT(under_way() == 3 * MSS && sane());
    ack(got + MSS, 3 * MSS + 100); /* one more fits, while two are under way */
    EXPECT(under_way() == 3 * MSS && sane());
    ack(got + 4 * MSS, 60000);
    EXPECT(under_way() == 6 * MSS && !own->unsent && sane());
}

TEST("after a time-out one frame goes first, behind what the far end has of its segment")
{
    static const uint8_t data[10 * MSS];
    uint32_t got = warm_up();

    EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(own);
    EXPECT(longest(own->unacked) == 10 * MSS && !own->unsent);
    ack(got + 4 * MSS, 60000); /* part of it */
    EXPECT(longest(own->unacked) == 10 * MSS);
    frames.n = 0;
    frames_wait(3000);
    EXPECT(longest(own->unacked) == 5 * MSS && longest(own->unsent) == 5 * MSS);
    EXPECT(frames.n == 5 * MSS && sane()); /* of which outlet leaves four out */
    ack(got + 5 * MSS, 60000);
    EXPECT(under_way() == 5 * MSS && longest(own->unacked) == 2 * MSS && sane());
    for (unsigned i = 0; i < 5; i++)
        ack(got += under_way(), 60000);
    EXPECT(sane() && !broken);
}

TEST("a window that is taken back before what was to be sent again is acknowledged after all: no "
     "probe is due for data that is not there any more")
{
    static const uint8_t data[1000];

    begin();
    EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    EXPECT(tcp_output(own) == ERR_OK && own->unacked);
    ack(100, 0);
    frames_wait(5000); /* it times out, and finds no window */
    EXPECT(own && own->unsent && own->persist_backoff > 0);
    ack(sizeof data, 0);
    EXPECT(!own->unsent && !own->unacked);
    frames_wait(5000);
    EXPECT(!broken);
    EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    EXPECT(tcp_output(own) == ERR_OK && own->persist_backoff > 0);
    ack(sizeof data, 8192);
    EXPECT(own->unacked && own->persist_backoff == 0);
}

/* All of four long segments is under way; of the first, half is acknowledged. Then the far end
 * takes its window back to 600 bytes. */
static uint32_t taken_back(void)
{
    static const uint8_t data[10 * MSS];
    uint32_t got = warm_up();

    for (int i = 0; i < 4; i++)
        EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(own);
    EXPECT(under_way() == 40 * MSS);
    ack(got += 5 * MSS, 60000);
    ack(got, 600);
    EXPECT(own->snd_wnd == 600 && under_way() == 35 * MSS && sane());
    return got;
}

/* Everything arrives in the end. */
static void all_arrives(uint32_t got)
{
    for (unsigned i = 0; i < 200 && (own->unsent || own->unacked); i++) {
        got = own->snd_nxt - FIRST;
        ack(got, 60000);
        frames_wait(100);
        EXPECT(sane());
    }
    EXPECT(!own->unsent && !own->unacked && !broken);
}

TEST("a window that is taken back: what is lost is sent again in its order, as far as the window "
     "goes")
{
    uint32_t got = taken_back();

    for (int i = 0; i < 4; i++)
        ack(got, 600); /* the first is to be sent again, and does not fit */
    EXPECT(sane());
    frames.n = 0;
    frames_wait(5000);
    EXPECT(sane() && frames.n == 5 * MSS + 600); /* of which outlet leaves five out */
    ack(got + 600, 600);
    frames_wait(5000);
    EXPECT(sane());
    all_arrives(got);
}

static void say(uint32_t seq, uint32_t upto)
{
    frames_segment(&(struct segment){.host = 2,
                                     .port = PORT,
                                     .flags = TCP_ACK,
                                     .seq = seq,
                                     .ack = FIRST + upto,
                                     .window = 600,
                                     .data = (const uint8_t *)"abc",
                                     .n = 3});
}

TEST("and what the far end says is acknowledged with a number in that window, or it would not hear "
     "it")
{
    uint32_t got = taken_back(), nxt = own->snd_nxt;

    say(104, got); /* not the next: it is answered at once */
    EXPECT(frames.n == 0 && frames.ack == 101 && frames.seq == FIRST + got + 600);
    frames.seq = 0;
    say(101, got);
    frames_wait(300);
    EXPECT(frames.ack == 107 && own->snd_nxt == nxt);
    EXPECT(frames.n || frames.seq == FIRST + got + 600);
}

TEST("and a reset has a number that it believes")
{
    uint32_t got = taken_back();

    mend_abort(own);
    EXPECT(broken && frames.flags & TCP_RST && frames.seq == FIRST + got + 600);
}

TEST("frames become smaller while a segment is acknowledged in part: no part is had as a whole")
{
    static const uint8_t data[10 * MSS];
    uint32_t got = warm_up();

    EXPECT(tails_write(own, data, sizeof data, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(own);
    ack(got += 5 * MSS, 60000);
    EXPECT(pmtu_cut(own, 512) == 0 && sane());
    all_arrives(got);
}

int main(void)
{
    return test_run();
}
