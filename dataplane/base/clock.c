#include "dataplane/base/clock.h"

#include <time.h>

#include "dataplane/base/check.h"

static struct timespec now(clockid_t id)
{
    struct timespec ts;
    int rc = clock_gettime(id, &ts);

    check(rc == 0);
    return ts;
}

uint64_t clock_mono_ms(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);

    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t clock_mono_us(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);

    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int64_t clock_wall_s(void)
{
    return now(CLOCK_REALTIME).tv_sec;
}
