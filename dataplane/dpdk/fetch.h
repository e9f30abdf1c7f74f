/*
 * fetch: memory on its way into the cache before it is looked at.
 *
 * Why: with many sessions each one's state has left the cache since its last turn. What several of
 * them need is asked for at once, and comes while something else is done.
 * Never: changes anything, or touches memory that is not there.
 */
#ifndef PENSTOCK_DPDK_FETCH_H
#define PENSTOCK_DPDK_FETCH_H

#include <stddef.h>

#define FETCH_LINE 64 /* bytes of the cache's lines, on most processors */

/* n bytes from p on; NULL: nothing. */
static inline void fetch(const void *p, size_t n)
{
    for (size_t at = 0; p && at < n; at += FETCH_LINE)
        __builtin_prefetch((const char *)p + at);
}

#endif
