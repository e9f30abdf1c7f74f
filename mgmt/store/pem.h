/*
 * pem: DER as PEM text (RFC 7468).
 * Owner: the text is the caller's to free. Never: of a private key.
 */
#ifndef PENSTOCK_MGMT_STORE_PEM_H
#define PENSTOCK_MGMT_STORE_PEM_H

#include <stddef.h>
#include <stdint.h>

/* NULL: out of memory. */
char *pem_text(const char *label, const uint8_t *der, size_t n);

#endif
