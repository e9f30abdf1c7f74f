/* ring: do strangers give way in the middle of a round to who is established? */
#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/uring/accept.h"
#include "dataplane/uring/ring.h"
#include "dataplane/wire/handoff.h"
#include "tests/unit/test.h"

#define STEPS 10 /* that strangers have to make */

static struct worker w;
static struct inbox inbox;
static struct shared shared;
static struct ring ring;
static int event; /* always readable */

static bool begin(void)
{
    struct err e;

    memset(&w, 0, sizeof w);
    w.inbox = &inbox;
    w.shared = &shared;
    w.hs.fd = w.query_fd = -1;
    w.hs.open = HOLD_FROM;
    list_init(&w.ready);
    list_init(&w.dead);
    notices_init(&w.notices);
    event = eventfd(1, EFD_CLOEXEC);
    return !inbox_init(&inbox) && !pool_init(&w.sessions, sizeof(struct session), 4) &&
           !timers_init(&w.timers, 4) && !ring_init(&ring, &w, &e);
}

static void end(void)
{
    ring_fini(&ring);
    timers_fini(&w.timers);
    pool_fini(&w.sessions);
    close(event);
}

/* More events than a round takes: some are there still when strangers have their turn. */
static void others_have_events(void)
{
    for (int i = 0; i < RING_ROUND + 1; i++)
        ring_poll(&ring, event, POLLIN, ring_tag(OP_DROP, 0, 0), false);
}

static void strangers_wait(void)
{
    for (int i = 0; i < STEPS; i++)
        ring_poll(&ring, event, POLLIN, ring_tag(OP_DROP, 0, 0), true);
}

/* Answers for sessions that are gone, on the worker's own end. */
static int answers_wait(void)
{
    struct handoff_step m = {{0}};
    uint8_t mem[64];
    struct buf b;
    int pair[2];

    EXPECT(chan_pair(pair) == 0);
    w.hs.fd = pair[0];
    w.hs.due = 2 * STEPS;
    buf_init(&b, mem, sizeof mem);
    handoff_put_step(&b, &m);
    for (int i = 0; i < STEPS; i++)
        EXPECT(chan_send(pair[1], HANDOFF_STEP, &b, NULL, 0) == 0);
    return pair[1];
}

static int answers_left(void)
{
    struct chan_msg m;
    int n = 0;

    while (chan_recv(w.hs.fd, w.hs_message, sizeof w.hs_message, &m) == 1)
        n++;
    return n;
}

TEST("while nobody else has an event strangers make all their steps in a round")
{
    int end_of_hs;

    EXPECT(begin());
    strangers_wait();
    end_of_hs = answers_wait();
    ring_round(&ring);
    EXPECT(ring.hold.n == 0 && answers_left() == 0);
    close(end_of_hs);
    close(w.hs.fd);
    end();
}

TEST("when somebody has, those that were held back make four and the rest is due at once")
{
    EXPECT(begin());
    strangers_wait();
    others_have_events();
    ring_round(&ring);
    EXPECT(ring.hold.n == STEPS - RING_STEPS);
    EXPECT(hold_wait_us(&ring.hold, 0) == 0);
    ring_round(&ring);
    EXPECT(ring.hold.n == 0);
    end();
}

TEST("and so do the answers of the handshake process")
{
    int end_of_hs;

    EXPECT(begin());
    end_of_hs = answers_wait();
    others_have_events();
    ring_round(&ring);
    EXPECT(answers_left() == STEPS - RING_STEPS);
    close(end_of_hs);
    close(w.hs.fd);
    end();
}

/* Listening, with clients in its queue. */
static int listener(int clients[STEPS])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    EXPECT(fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof at) && !listen(fd, STEPS) &&
           !getsockname(fd, (struct sockaddr *)&at, &len));
    for (int i = 0; i < STEPS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT(connect(clients[i], (struct sockaddr *)&at, len) == 0);
    }
    return fd;
}

/* A worker without a policy hangs up on whom it accepts. */
static int accepted(const int clients[STEPS])
{
    struct pollfd p[STEPS];

    for (int i = 0; i < STEPS; i++)
        p[i] = (struct pollfd){.fd = clients[i], .events = POLLIN};
    return poll(p, STEPS, 0);
}

TEST("and new connections")
{
    static struct policy_listener at;
    struct policy p = {.listeners = &at, .n_listeners = 1};
    int clients[STEPS], fd;

    EXPECT(begin());
    fd = listener(clients);
    EXPECT(accept_listen(&ring, &p, &fd, 1) == 0);
    others_have_events();
    ring_round(&ring);
    EXPECT(accepted(clients) == RING_STEPS);
    for (int i = 0; i < 2; i++)
        ring_round(&ring);
    EXPECT(accepted(clients) == STEPS);
    accept_stop(&ring);
    ring_round(&ring);
    for (int i = 0; i < STEPS; i++)
        close(clients[i]);
    end();
}

int main(void)
{
    return test_run();
}
