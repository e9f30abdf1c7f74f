#include "dataplane/uring/busy.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/slice.h"

#define OTHERS_US 20 /* a yield takes less when nobody waits */
#define CALM_MS   5  /* without looking, after others were seen */

/* struct io_uring_napi, which headers before Linux 6.9 lack. */
struct busy_napi {
    uint32_t timeout_us;
    uint8_t prefer, pad[3];
    uint64_t reserved;
};

void busy_set(struct ring *r, uint32_t us)
{
    struct busy_napi napi = {.timeout_us = us};
    unsigned opcode = us ? BUSY_REGISTER_NAPI : BUSY_UNREGISTER_NAPI;

    if (us == r->busy_us)
        return;
    r->busy_us = us;
    /* A kernel that can not is slower with a real network card, and not otherwise. */
    (void)syscall(SYS_io_uring_register, r->u.ring_fd, opcode, &napi, 1);
}

/* How often somebody else had the processor in this thread's place; interrupts are none of it. */
static long displaced(void)
{
    struct rusage u;

    return getrusage(RUSAGE_THREAD, &u) ? 0 : u.ru_nivcsw;
}

void busy_look(struct ring *r)
{
    uint64_t now, before, end;
    long displacements;

    if (!r->busy_us || r->w->sessions.used == 0 || r->w->now_ms < r->busy_ms)
        return;
    now = clock_mono_us();
    end = now + r->busy_us;
    displacements = displaced();
    io_uring_submit_and_get_events(&r->u);
    while (io_uring_cq_ready(&r->u) == 0 && now < end) {
        before = clock_mono_us();
        slice_give_way();
        now = clock_mono_us();
        if (ring_untold(r))
            io_uring_get_events(&r->u);
        /*
         * Others are likely to need it again, and a sleeper that wakes goes before them, while one
         * who keeps giving way does not: then it is better to sleep.
         */
        if (now - before > OTHERS_US && displaced() != displacements) {
            r->busy_ms = r->w->now_ms + CALM_MS;
            return;
        }
    }
}
