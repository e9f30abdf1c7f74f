/*
 * frame: what a received frame is, and which connection it is about.
 *
 * Why: it is asked twice, before lwIP is: whose it is among the workers (steer), and which of the
 * worker's connections has it (demux). Owner: pure functions over untrusted bytes.
 */
#ifndef PENSTOCK_DPDK_FRAME_H
#define PENSTOCK_DPDK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_kind {
    FRAME_DROP,      /* nothing that lwIP is to see */
    FRAME_SEGMENT,   /* TCP */
    FRAME_TOO_BIG,   /* a router's word of a segment of ours, which it quotes */
    FRAME_NEIGHBOUR, /* what a neighbour says of itself: every worker has to hear it */
    FRAME_OTHER,     /* ARP or ICMP that concerns whoever got it */
};

struct tuple { /* as it stands on the wire, seen from the other end: source first */
    uint8_t remote[16], local[16];
    uint16_t remote_port, local_port;
    uint16_t v6; /* 0: addresses fill 4 bytes each, zeros behind */
};

/*
 * Of a frame of n bytes at p; of a segment also its ends, and where its TCP header begins. Of one
 * that is quoted the ends are as if the far end had sent it, and eight bytes of the header are
 * there.
 */
enum frame_kind frame_kind(const uint8_t *p, size_t n, struct tuple *t, const uint8_t **tcp);
/* The same connection, seen from this end. */
struct tuple frame_turned(const struct tuple *t);

static inline uint16_t frame_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t frame_be32(const uint8_t *p)
{
    return (uint32_t)frame_be16(p) << 16 | frame_be16(p + 2);
}

#endif
