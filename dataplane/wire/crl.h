/*
 * crl: a certificate revocation list as a flat table in a sealed memfd.
 *
 * Why: an X509_CRL of 100,000 entries costs 38 MB and 172 ms in every process. mgmt compiles it
 * once into this table; every handshake process maps the same pages and looks a serial up by
 * bisection. The list's own DER rides along so that its signature can be checked against its
 * issuer's key. Owner: a view borrows the mapped memory. Never: allocates; trusts offsets it has
 * not checked.
 *
 * Layout (big-endian): magic "PSCRL1\0\0", this_update s64, next_update s64, then blobs (u32
 * length first): issuer name DER, authority key id, CRL number, the whole
 * CertificateList DER, its TBS part's offset u32 and length u32 inside that DER, then the count u32
 * and the serials: each 21 bytes (length byte, then 20 bytes right-aligned, zero-padded), sorted as
 * bytes.
 */
#ifndef PENSTOCK_WIRE_CRL_H
#define PENSTOCK_WIRE_CRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/buf.h"

#define CRL_SERIAL_MAX 20
#define CRL_SERIAL_ROW 21
#define CRL_MAX        (256u * 1024 * 1024) /* bytes of one table */

struct crl_view {
    int64_t this_update, next_update; /* seconds since 1970 */
    const uint8_t *issuer, *key_id, *number, *der, *tbs, *rows;
    size_t n_issuer, n_key_id, n_number, n_der, n_tbs;
    uint32_t count;
};

struct crl_source { /* what mgmt gives to the encoder; serial rows already sorted and unique */
    int64_t this_update, next_update;
    const uint8_t *issuer, *key_id, *number, *der, *rows;
    size_t n_issuer, n_key_id, n_number, n_der;
    uint32_t tbs_offset, n_tbs, count;
};

/* Bytes that crl_put() will write. */
size_t crl_size(const struct crl_source *s);
void crl_put(struct buf *b, const struct crl_source *s);
/* Check the whole layout (order of rows included) and set up the view. 0 or -EPROTO. */
int crl_view_init(struct crl_view *v, const void *data, size_t n);
/* Fill one row from a serial's big-endian bytes (leading zeros allowed). -EINVAL if over 20 bytes.
 */
int crl_row(uint8_t row[CRL_SERIAL_ROW], const uint8_t *serial, size_t n);
/* True if the serial (big-endian bytes) is listed. */
bool crl_has(const struct crl_view *v, const uint8_t *serial, size_t n);

#endif
