/*
 * dpdk_sink: a device of the test's, DPDK's number 0, which keeps every frame that it is given, and
 * the packets for these.
 *
 * Why: nothing of DPDK has to be started, and the headers of lwIP and of DPDK's devices do not
 * meet.
 */
#ifndef PENSTOCK_DPDK_SINK_H
#define PENSTOCK_DPDK_SINK_H

#include <stddef.h>
#include <stdint.h>

#define SINK_PACKETS   256
#define SINK_FRAME_MAX 2048

struct rte_mempool;

struct sunk { /* a frame, as the device got it */
    uint8_t bytes[SINK_FRAME_MAX];
    size_t n;
    uint64_t flags;
    size_t l2, l3, l4;
};

struct sink {
    struct sunk frame[SINK_PACKETS];
    unsigned n;       /* of them */
    unsigned n_ready; /* frames that were found right before */
    unsigned takes;   /* frames at a time */
    size_t too_long;  /* frames of that length are found wrong; 0: none are */
    unsigned n_free;  /* packets */
};

/* From the beginning; all packets are free. They are those of *pool. */
struct sink *sink_begin(struct rte_mempool **pool);

#endif
