/* What lwIP asks of the system it runs on: time, randomness, and a word when it is broken. */
#include <stdlib.h>
#include <sys/random.h>
#include <lwip/arch.h>
#include <lwip/sys.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"

u32_t sys_now(void)
{
    return (u32_t)clock_mono_ms();
}

uint32_t lwip_random(void)
{
    uint32_t v = 0;

    check(getrandom(&v, sizeof v, 0) == sizeof v);
    return v;
}

void lwip_broken(const char *what)
{
    log_event(LOG_ERROR, "stack_broken", "what=\"%s\"", what);
    abort();
}
