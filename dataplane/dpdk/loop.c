#include "dataplane/dpdk/loop.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include <lwip/timeouts.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include "dataplane/base/check.h"
#include "dataplane/core/notes.h"
#include "dataplane/core/round.h"
#include "dataplane/dpdk/acks.h"
#include "dataplane/dpdk/checks.h"
#include "dataplane/dpdk/cipher.h"
#include "dataplane/dpdk/face.h"
#include "dataplane/dpdk/outlet.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/tcp.h"

#define BUSY_ROUNDS   2000    /* without a frame, before it sleeps at all */
#define SLEEP_STEP_NS 20000   /* longer with every empty round, */
#define SLEEP_MAX_NS  1000000 /* up to this */
#define CHANNEL_EVERY 32      /* busy rounds between two looks at the channels */

enum { WATCH_INBOX, WATCH_HANDOFF, WATCH_QUERY, WATCH_LANE, WATCHES };

struct loop {
    struct worker *w;
    struct ports *ports;
    struct tcp tcp;
    unsigned idle, rounds;
    uint64_t tick_ms;
};

/* Set before init: the ports of the one worker that this copy of the stack is for. */
static struct ports *own_ports;

static int loop_init(void *self, struct worker *w, struct err *e)
{
    struct loop *l = self;
    int rc;

    l->w = w;
    l->ports = own_ports;
    cipher_begin(l->ports->worker);
    rc = rte_thread_register() ? -rte_errno : face_start(l->ports);
    if (!rc)
        rc = tcp_begin(&l->tcp, w, l->ports);
    return rc ? err_set(e, rc, "/dpdk", "free memory", "the worker can not start: %s",
                        strerror(-rc))
              : 0;
}

/* Look at the channels, waiting for ns at most. */
static void channels(struct loop *l, long ns)
{
    struct lanes *lanes = l->ports->lanes;
    struct worker *w = l->w;
    struct pollfd p[WATCHES] = {
        [WATCH_INBOX] = {.fd = w->inbox->event_fd, .events = POLLIN},
        [WATCH_HANDOFF] = {.fd = w->hs.fd,
                           .events = (short)(w->hs.want_out ? POLLIN | POLLOUT : POLLIN)},
        [WATCH_QUERY] = {.fd = w->query_fd, .events = POLLIN},
        [WATCH_LANE] = {.fd = lanes->lane[l->ports->worker].wake_fd, .events = POLLIN},
    };
    struct timespec ts = {.tv_nsec = ns};
    int rc;

    if (ns && !lanes_sleep(lanes, l->ports->worker))
        ts.tv_nsec = 0;
    rc = ppoll(p, WATCHES, &ts, NULL);
    /* Also where it did not sleep: who saw it asleep a moment ago may ring only now. */
    lanes_woken(lanes, l->ports->worker, p[WATCH_LANE].revents);
    if (rc <= 0)
        return;
    round_clock(w);
    if (p[WATCH_HANDOFF].revents & POLLOUT)
        hsclient_writable(w);
    if (p[WATCH_HANDOFF].revents & ~POLLOUT)
        hsclient_readable(w);
    if (p[WATCH_QUERY].revents)
        notes_query(w);
    if (p[WATCH_INBOX].revents)
        notes_take(w);
    l->idle = 0;
}

/* How long this round may sleep. */
static long nap_ns(const struct loop *l)
{
    uint64_t wait_ms;
    long ns;

    if (l->idle < BUSY_ROUNDS)
        return 0;
    wait_ms = round_wait_ms(l->w);
    if (!wait_ms)
        return 0;
    ns = (long)(l->idle - BUSY_ROUNDS) * SLEEP_STEP_NS;
    return ns < SLEEP_MAX_NS ? ns : SLEEP_MAX_NS;
}

static void tick(struct loop *l)
{
    if (l->w->now_ms == l->tick_ms)
        return;
    l->tick_ms = l->w->now_ms;
    sys_check_timeouts();
    tcp_tick(&l->tcp);
}

static void loop_run(void *self)
{
    struct loop *l = self;

    while (!l->w->stop) {
        bool any;

        round_clock(l->w);
        any = ports_poll(l->ports) > 0;
        tick(l);
        any |= tcp_events(&l->tcp);
        round_end(l->w);
        acks_send();
        ports_flush(l->ports);
        any |= outlet_resume(l->ports);
        l->idle = any ? 0 : l->idle + 1;
        if (l->idle >= BUSY_ROUNDS || ++l->rounds % CHANNEL_EVERY == 0)
            channels(l, nap_ns(l));
    }
}

static void loop_fini(void *self)
{
    struct loop *l = self;

    checks_end(&l->tcp);
    ports_flush(l->ports);
    rte_thread_unregister();
}

const struct engine *loop_engine(struct ports *ports)
{
    static const struct engine engine = {
        .size = sizeof(struct loop), .init = loop_init, .run = loop_run, .fini = loop_fini};

    own_ports = ports;
    return &engine;
}
