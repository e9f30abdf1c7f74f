/*
 * packets: what a connection has received and nobody has read yet.
 *
 * Why: lwIP gives chains of packets; they are read bytewise, and let go of one by one.
 * Owner: the connection's; each packet in it is ours alone. Never: copies before it is read.
 */
#ifndef PENSTOCK_DPDK_PACKETS_H
#define PENSTOCK_DPDK_PACKETS_H

#include <lwip/pbuf.h>
#include <stddef.h>
#include <stdint.h>

struct packets {               /* all zeros: none */
    struct pbuf *first, *last; /* by `next`, each counted alone */
    uint32_t at;               /* bytes read of the first */
    size_t n;                  /* bytes that are left, */
    uint32_t parts;            /* in so many packets */
};

/* Takes the chain p. */
void packets_add(struct packets *q, struct pbuf *p);
/* Take up to n bytes; to NULL: they are dropped. How many it were. */
size_t packets_take(struct packets *q, uint8_t *to, size_t n);

#endif
