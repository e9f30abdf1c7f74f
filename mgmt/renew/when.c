#include "mgmt/renew/when.h"

#define TRIES_LEFT 4
#define SPREAD     50

static int64_t clamp(int64_t v, int64_t min, int64_t max)
{
    return v < min ? min : v > max ? max : v;
}

/* FNV-1a: any even spread does. */
static uint64_t spread(const char *name)
{
    uint64_t h = 14695981039346656037u;

    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

int64_t when_renew(int64_t not_before, int64_t not_after, const char *name)
{
    int64_t life = not_after > not_before ? not_after - not_before : 0;
    int64_t early = life >= SPREAD ? (int64_t)(spread(name) % (uint64_t)(life / SPREAD)) : 0;

    return not_after - life / 3 - early;
}

int64_t when_retry(int64_t now, unsigned failures, int64_t ends_at, int64_t wish_s)
{
    unsigned doublings = failures > 10 ? 10 : failures ? failures - 1 : 0;
    int64_t wait = clamp((int64_t)WHEN_RETRY_MIN << doublings, WHEN_RETRY_MIN, WHEN_RETRY_MAX);
    int64_t left = ends_at > now ? (ends_at - now) / (TRIES_LEFT + 1) : WHEN_RETRY_MAX;

    if (wait > left)
        wait = left;
    if (wish_s > wait)
        wait = wish_s;
    return now + clamp(wait, 1, WHEN_RETRY_MAX);
}

int64_t when_fetch(int64_t now, int64_t next_update, uint32_t every_s)
{
    int64_t most = every_s ? every_s : WHEN_CRL_MAX;

    return now +
           clamp((next_update - now) / 2, WHEN_CRL_MIN, most > WHEN_CRL_MIN ? most : WHEN_CRL_MIN);
}
