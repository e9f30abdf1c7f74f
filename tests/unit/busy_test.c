/* busy: does a worker look before it sleeps, when it should, and find what comes? */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/uring/busy.h"
#include "tests/unit/test.h"

#define FOREVER_US 600000000u /* who looks for so long did not end for the time */

static struct worker w;
static struct inbox inbox;
static struct ring ring;
static int event;

/* A worker with one session, and a ring that waits for `event`. */
static bool begin(bool session)
{
    struct io_uring_sqe *sqe;
    struct err e;

    memset(&w, 0, sizeof w);
    w.inbox = &inbox;
    event = eventfd(0, EFD_CLOEXEC);
    if (inbox_init(&inbox) || pool_init(&w.sessions, sizeof(struct session), 4) ||
        ring_init(&ring, &w, &e))
        return false;
    if (session)
        pool_get(&w.sessions);
    sqe = io_uring_get_sqe(&ring.u);
    io_uring_prep_poll_add(sqe, event, POLLIN);
    return true;
}

static void end(void)
{
    ring_fini(&ring);
    pool_fini(&w.sessions);
    close(event);
}

static void *write_event(void *arg)
{
    (void)arg;
    return eventfd_write(event, 1) ? arg : NULL;
}

TEST("an event that is there already is found without waiting")
{
    EXPECT(begin(true));
    busy_set(&ring, FOREVER_US);
    EXPECT(eventfd_write(event, 1) == 0);
    busy_look(&ring);
    EXPECT(io_uring_cq_ready(&ring.u) == 1);
    end();
}

TEST("an event that comes while a worker looks is found")
{
    pthread_t other;

    EXPECT(begin(true));
    busy_set(&ring, FOREVER_US);
    EXPECT(pthread_create(&other, NULL, write_event, NULL) == 0);
    while (io_uring_cq_ready(&ring.u) == 0) {
        ring.busy_ms = 0; /* look again, though others had the processor */
        busy_look(&ring);
    }
    pthread_join(other, NULL);
    EXPECT(io_uring_cq_ready(&ring.u) == 1);
    end();
}

TEST("a look ends when its time is up, and nothing came")
{
    EXPECT(begin(true));
    busy_set(&ring, 50);
    busy_look(&ring);
    EXPECT(io_uring_cq_ready(&ring.u) == 0);
    end();
}

static atomic_bool enough;

static void *need_processor(void *arg)
{
    while (!enough)
        ;
    return arg;
}

TEST("others who need the processor end a look, and the next is not at once")
{
    cpu_set_t before, one;
    pthread_t other;

    EXPECT(begin(true));
    EXPECT(sched_getaffinity(0, sizeof before, &before) == 0);
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    EXPECT(sched_setaffinity(0, sizeof one, &one) == 0); /* and of the threads made from here on */
    enough = false;
    EXPECT(pthread_create(&other, NULL, need_processor, NULL) == 0);
    busy_set(&ring, FOREVER_US);
    busy_look(&ring);
    EXPECT(ring.busy_ms > w.now_ms);
    enough = true;
    pthread_join(other, NULL);
    EXPECT(sched_setaffinity(0, sizeof before, &before) == 0);
    end();
}

static volatile sig_atomic_t moments;

static void take_a_moment(int signal)
{
    uint64_t until = clock_mono_us() + 60;

    (void)signal;
    moments++;
    while (clock_mono_us() < until)
        ;
}

/* Handlers stand for interrupts: they take the worker's time, and nobody else runs. */
static void interrupt_each(long us)
{
    struct itimerval each = {{0, us}, {0, us}};

    signal(SIGALRM, us ? take_a_moment : SIG_IGN);
    EXPECT(setitimer(ITIMER_REAL, &each, NULL) == 0);
}

TEST("what merely interrupts a look does not end it")
{
    bool whole = false;

    EXPECT(begin(true));
    busy_set(&ring, 5000);
    interrupt_each(150);
    for (int i = 0; i < 5000 && !whole; i++) { /* others may need the processor as well: again */
        ring.busy_ms = 0;
        moments = 0;
        busy_look(&ring);
        whole = ring.busy_ms == 0 && moments > 10;
    }
    interrupt_each(0);
    EXPECT(whole);
    end();
}

TEST("nobody looks who was not told to, has no session, or was in others' way a moment ago")
{
    EXPECT(begin(true));
    busy_look(&ring);
    busy_set(&ring, FOREVER_US);
    busy_set(&ring, 0);
    busy_look(&ring);
    busy_set(&ring, FOREVER_US);
    ring.busy_ms = w.now_ms + 1;
    busy_look(&ring);
    end();
    EXPECT(begin(false));
    busy_set(&ring, FOREVER_US);
    busy_look(&ring);
    EXPECT(io_uring_cq_ready(&ring.u) == 0);
    end();
}

int main(void)
{
    return test_run();
}
