/*
 * pkcs12: the bags of a PKCS#12 file (RFC 7292).
 *
 * Why: OpenSSL's own reader runs whatever number of rounds the file asks for and says little about
 * what went wrong. Here each bag's cost is taken off a budget before it is opened.
 * Owner: private to import. Never: loads OpenSSL's legacy provider.
 */
#ifndef PENSTOCK_KEYRING_PKCS12_H
#define PENSTOCK_KEYRING_PKCS12_H

#include "handshake/keyring/import.h"

/* Add what the file holds to *out. 0 or -errno with *e, as of import_read(). */
int pkcs12_read(const uint8_t *file, size_t n, const struct vault_bytes *passphrase,
                struct imported *out, struct err *e);

#endif
