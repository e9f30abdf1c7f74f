/*
 * proxy: the PROXY protocol, versions 1 and 2, written and read.
 *
 * Why: a backend learns the client's address and, with v2-tls, its verified certificate; a balancer
 * in front tells us the client's address. Source: HAProxy's proxy-protocol.txt (the public
 * specification). Owner: pure functions over the caller's memory. Never: trusts a length it has not
 * checked.
 */
#ifndef PENSTOCK_CORE_PROXY_H
#define PENSTOCK_CORE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/core/peers.h"
#include "dataplane/wire/facts.h"

#define PROXY_MAX                                                                                  \
    (12 * 1024) /* bytes of a header we write; a certificate that does not fit is left out */
#define PROXY_IN_MAX 4096 /* bytes of a header we accept */
#define PROXY_FIRST  12   /* bytes to read first: less than any complete header */

struct proxy_facts {
    struct addr src, dst;
    bool tls; /* the outer leg is TLS: the rest is valid */
    const struct negotiated *negotiated;
    const struct peer *peer;
    uint64_t session;
    /* For penstock-mgmt alone: which rule of which revision let the peer in. */
    bool management;
    uint64_t revision;
    uint16_t rule;
};

/*
 * Write the header of a kind (enum policy_proxy) to out. Returns its size, 0 for PROXY_NONE,
 * -ENOSPC if it does not fit.
 */
long proxy_write(uint8_t kind, const struct proxy_facts *f, uint8_t *out, size_t cap);

/*
 * Look at the n bytes read so far of an inbound header. Returns the number of bytes still to be
 * read before asking again (reading exactly so many never takes a byte behind the header), 0 when
 * the header is complete: *src and *dst are then set (len 0 for LOCAL and UNKNOWN), -EPROTO when it
 * is no header.
 */
long proxy_read(const uint8_t *p, size_t n, struct addr *src, struct addr *dst);

#endif
