/* What is acknowledged when: in the turn it came in, as one frame with the window or on data, and a
 * gap at once. */
#include "dataplane/dpdk/acks.h"
#include "dataplane/dpdk/tails.h"
#include "tests/unit/frames.h"
#include "tests/unit/test.h"

#define PORT  5000
#define FIRST 101                      /* the far end's first byte's number */
#define OURS  (0xffffff00u + PORT + 1) /* our first byte's */
#define SIZE  1400                     /* bytes of a segment */

static struct tcp_pcb *own;
static unsigned received;
static bool ended;

/* Taken, but for the window that it frees. */
static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)pcb;
    (void)err;
    ended |= !p;
    received += p ? p->tot_len : 0;
    if (p)
        pbuf_free(p);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    own = NULL;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    demux_opened(pcb);
    own = pcb;
    tcp_recv(pcb, on_recv);
    tcp_err(pcb, on_error);
    tcp_nagle_disable(pcb);
    return ERR_OK;
}

static void begin(void)
{
    frames_fresh(on_accept);
    received = 0;
    ended = false;
    frames_open(2, PORT, false, FIRST - 1);
    frames.others = 0;
}

/* n bytes from `at` of the stream on; the turn goes on. */
static void hear(unsigned at, uint16_t n, uint8_t flags)
{
    static const uint8_t data[SIZE];
    struct segment s = {.host = 2,
                        .port = PORT,
                        .flags = TCP_ACK | flags,
                        .seq = FIRST + at,
                        .ack = OURS,
                        .window = 8192,
                        .data = data,
                        .n = n};
    uint8_t frame[FRAME_MAX];
    size_t ip, tcp, all = frames_build(&s, frame, &ip, &tcp);

    frames_hear(frame, all);
}

/* A record's worth. */
static void hear_many(void)
{
    for (unsigned i = 0; i < 12; i++)
        hear(i * SIZE, SIZE, 0);
}

TEST("what came in a turn is acknowledged at its end, by one frame")
{
    begin();
    hear_many();
    EXPECT(received == 12 * SIZE && frames.others == 0);
    acks_send();
    EXPECT(frames.others == 1 && frames.n == 0 && frames.ack == FIRST + 12 * SIZE);
    acks_send();
    EXPECT(frames.others == 1);
}

TEST("the same frame tells of the window, if the data was read in its turn, however often")
{
    uint16_t window;

    begin();
    window = frames.window;
    hear_many();
    for (unsigned i = 0; i < 3; i++)
        tcp_recved(own, 4 * SIZE);
    EXPECT(frames.others == 0);
    acks_send();
    EXPECT(frames.others == 1 && frames.ack == FIRST + 12 * SIZE && frames.window == window);
}

TEST("what is read in a later turn is told of in that one")
{
    uint16_t window;

    begin();
    window = frames.window;
    hear_many();
    acks_send();
    EXPECT(frames.others == 1 && frames.window == window - 12 * SIZE);
    tcp_recved(own, 12 * SIZE);
    acks_send();
    EXPECT(frames.others == 2 && frames.window == window);
}

TEST("data that leaves before acknowledges: no frame of its own does")
{
    begin();
    hear_many();
    EXPECT(tails_write(own, "answer", 6, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(own);
    EXPECT(frames.others == 1 && frames.n == 6 && frames.ack == FIRST + 12 * SIZE);
    acks_send();
    EXPECT(frames.others == 1);
}

TEST("data that waits for a window acknowledges nothing")
{
    static const uint8_t much[16384];

    begin();
    while (tails_write(own, much, sizeof much, TCP_WRITE_FLAG_COPY) == ERR_OK)
        ;
    tcp_output(own);
    frames.others = 0;
    hear_many();
    tcp_output(own);
    EXPECT(frames.others == 0);
    acks_send();
    EXPECT(frames.others == 1 && frames.n == 0 && frames.ack == FIRST + 12 * SIZE);
}

TEST("a gap is told of at once, by a frame for each segment behind it")
{
    begin();
    for (unsigned i = 1; i <= 3; i++) {
        hear(i * SIZE, SIZE, 0);
        EXPECT(frames.others == i && frames.ack == FIRST);
    }
    hear(0, SIZE, 0);
    frames_wait(100);
    EXPECT(received == 4 * SIZE && frames.ack == FIRST + 4 * SIZE);
}

TEST("behind a gap in a turn no more duplicates are sent than there are segments")
{
    begin();
    hear_many();
    for (unsigned i = 13; i <= 15; i++)
        hear(i * SIZE, SIZE, 0);
    acks_send();
    EXPECT(frames.others == 4 && frames.ack == FIRST + 12 * SIZE);
}

TEST("one segment by itself is acknowledged after a while")
{
    begin();
    hear(0, 100, TCP_PSH);
    acks_send();
    EXPECT(frames.others == 0);
    frames_wait(100);
    EXPECT(frames.others == 1 && frames.ack == FIRST + 100);
}

TEST("the far end's last word is acknowledged with what came before it")
{
    begin();
    hear(0, SIZE, 0);
    hear(SIZE, SIZE, 0);
    hear(2 * SIZE, 0, TCP_FIN);
    acks_send();
    EXPECT(ended && frames.ack == FIRST + 2 * SIZE + 1);
}

TEST("who has ended owes nothing, and the others are acknowledged")
{
    for (unsigned reset = 0; reset < 2; reset++) {
        struct tcp_pcb *first;

        begin();
        first = own;
        frames_open(2, PORT + 1, false, FIRST - 1);
        frames.others = 0;
        hear_many();
        tcp_set_flags(own, TF_ACK_NOW);
        tcp_output(own);
        if (reset)
            hear(12 * SIZE, 0, TCP_RST);
        else
            tcp_abort(first);
        EXPECT(frames.others == 0);
        acks_send();
        EXPECT(frames.others == 1 && frames.ack == FIRST);
    }
}

int main(void)
{
    return test_run();
}
