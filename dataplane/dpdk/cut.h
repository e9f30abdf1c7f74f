/*
 * cut: what lwIP sends as one segment leaves as frames of the size that its way takes.
 *
 * Why: most of what TCP costs is by the segment, not by the byte: lwIP makes long ones (tails), and
 * the frames are made where the bytes are copied anyway. A frame has a sum of its own, so lwIP
 * makes none of TCP's (outlet). Owner: outlet, for the time of a call. Never: frames without
 * data before the last; PSH or FIN but on the last.
 */
#ifndef PENSTOCK_DPDK_CUT_H
#define PENSTOCK_DPDK_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <lwip/pbuf.h>

#define CUT_LONGEST 16384 /* bytes of a segment that lwIP may make */
#define CUT_LEAST   1024  /* bytes of a frame's data, or lwIP makes no longer segments */
#define CUT_FRAMES  (CUT_LONGEST / 256 + 1) /* a way may have become as narrow (demux) since */

struct cut {
    const struct pbuf *p; /* the next byte of data is `at` bytes behind its first */
    size_t at;
    const uint8_t *head; /* Ethernet's, IP's and TCP's headers, n_head bytes */
    size_t ip, tcp, n_head;
    bool is_tcp, v6, sums;
    uint32_t seq;      /* of the next byte of data */
    size_t left, most; /* bytes of data; of these in a frame at most */
};

/*
 * A frame of lwIP's, all its headers in its first pbuf; it is one frame still. sums: TCP's are to
 * be made, else they are zero.
 */
void cut_begin(struct cut *c, const struct pbuf *p, bool sums);
/* Into frames of `most` bytes of data. */
void cut_to(struct cut *c, size_t most);
/* What the far end has, up to the number `upto`, need not be sent again: leave out whole frames. */
void cut_skip(struct cut *c, uint32_t upto);
/* How many frames are left, */
unsigned cut_frames(const struct cut *c);
/* bytes of the longest of them, */
size_t cut_size(const struct cut *c);
/* and the next of them, put to `to`: its length. */
size_t cut_next(struct cut *c, uint8_t *to);

#endif
