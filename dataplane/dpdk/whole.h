/*
 * whole: a record is read when all of it has come.
 *
 * Why: only then can it be opened. Where a burst ends inside of one, its begin stays in its packets
 * until the rest has come; read at once, it would be copied aside, and again in front of the rest,
 * and its session would have a turn for nothing.
 * Owner: pure, over a connection's packets.
 * Never: holds more packets back than a share of all there are; waits for the rest of what can not
 * be a record.
 */
#ifndef PENSTOCK_DPDK_WHOLE_H
#define PENSTOCK_DPDK_WHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packets;

#define WHOLE_EACH 64 /* packets of one record that wait, at most: they may be small */

struct whole_all { /* of all connections; held begins as 0 */
    uint32_t held; /* packets that wait for the rest of their record, */
    uint32_t most; /* and how many may */
};

struct whole {     /* of one connection; all zeros: it has no records yet */
    uint32_t size; /* of the record that its packets begin with; 0: not known */
    uint32_t held;
    bool records; /* its packets begin where a record does */
};

/* Is there something to read in q? Not where the first record's rest is waited for. */
bool whole_ready(struct whole *r, struct whole_all *all, const struct packets *q);
/*
 * Bytes of q to read now into room, which takes the longest record: as many whole records as fit;
 * of one that may not or (last: no more comes) can not wait all that is there. records: q begins
 * where one does, for the reader has none of its bytes yet.
 */
size_t whole_due(struct whole *r, struct whole_all *all, const struct packets *q, bool records,
                 bool last, size_t room);
/* The connection ends, or its packets are dropped. */
void whole_end(struct whole *r, struct whole_all *all);

#endif
