/*
 * merge: segments of one connection that came one behind the other become one.
 *
 * Why: lwIP's work is by the segment, whatever its length: of a burst it sees one long one.
 * Owner: pure functions over received bytes; who has the frames chains them (inlet).
 * Never: changes what the connection hears, but for how often it acknowledges: only plain data in
 * order, with the same acknowledgement and window, is put together; PSH ends it.
 */
#ifndef PENSTOCK_DPDK_MERGE_H
#define PENSTOCK_DPDK_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/dpdk/frame.h"

struct merge_part { /* a segment in its frame */
    struct tuple ends;
    uint8_t *ip, *tcp;
    size_t head, n; /* bytes of its TCP header, and of data */
};

struct merge { /* a run of them, of one at least */
    struct merge_part first;
    uint32_t next; /* number that follows */
    size_t n;      /* bytes of data in all */
    unsigned parts;
};

/*
 * The segment with p's ends whose TCP header is at tcp, in a frame that ends at `end`. False: its
 * lengths do not agree with the frame's, or it is no plain data.
 */
bool merge_part(struct merge_part *p, uint8_t *tcp, const uint8_t *end);
void merge_begin(struct merge *m, const struct merge_part *p);
/* Does it continue what is there? */
bool merge_follows(const struct merge *m, const struct merge_part *p);
/* It is taken: more may follow, if true. */
bool merge_add(struct merge *m, const struct merge_part *p);
/* Write what all of them are into the header of the first; its sums are wrong then. */
void merge_end(struct merge *m);

#endif
