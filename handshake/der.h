/*
 * der: step through DER in place (X.690 10.1).
 *
 * Why: a CRL's header and entries are read where they lie, without a copy. Owner: borrows the
 * buffer's memory. Never: indefinite or overlong lengths, high tag numbers.
 */
#ifndef PENSTOCK_HANDSHAKE_DER_H
#define PENSTOCK_HANDSHAKE_DER_H

#include "dataplane/base/buf.h"

enum {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BITS = 0x03,
    DER_OCTETS = 0x04,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_KEY_ID = 0x80,     /* AuthorityKeyIdentifier's [0] */
    DER_EXTENSIONS = 0xa0, /* TBSCertList's [0] */
};

struct der {
    uint8_t tag;
    const uint8_t *raw; /* header included */
    size_t n_raw;
    struct buf in; /* the content */
};

/* Take the next element. False at the end, or (b bad) when malformed. */
bool der_get(struct buf *b, struct der *d);
/* Take the next element, which must have this tag, else b is bad. */
bool der_want(struct buf *b, uint8_t tag, struct der *d);
bool der_next_is(const struct buf *b, uint8_t tag);

#endif
