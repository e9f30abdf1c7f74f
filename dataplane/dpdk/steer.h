/*
 * steer: which worker a segment belongs to.
 *
 * Why: a connection is one worker's for life, so all of its segments have to come to that one. The
 * rule is the one of devices with receive-side scaling (Toeplitz over both ends, then a table),
 * with a key of our own: a device that knows it puts each segment into its worker's queue; what any
 * other device puts elsewhere is handed on by the same rule. And a local port for a dial can be
 * chosen so that the answers come home. Owner: made by main, then only read, by every worker.
 */
#ifndef PENSTOCK_DPDK_STEER_H
#define PENSTOCK_DPDK_STEER_H

#include <stdint.h>
#include "dataplane/dpdk/frame.h"

#define STEER_KEY    52  /* bytes: the longest key that devices take; 40 matter */
#define STEER_INPUT  36  /* bytes that are hashed, of IPv6 */
#define STEER_SPREAD 128 /* entries of the table, where a device does not say how many it has */

struct steer {
    unsigned workers;
    uint8_t key[STEER_KEY];
    uint32_t table[STEER_INPUT][256]; /* what a byte at its place adds to the sum */
};

/* key NULL: a random one. */
void steer_init(struct steer *s, unsigned workers, const uint8_t key[STEER_KEY]);
/* As a device would compute it over the segment (source first). */
uint32_t steer_hash(const struct steer *s, const struct tuple *t);
/* The entry in a table of `entries`, and whose it is. */
static inline unsigned steer_home(const struct steer *s, const struct tuple *t, unsigned entries)
{
    return steer_hash(s, t) % entries % s->workers;
}

#endif
