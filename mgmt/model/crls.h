/*
 * crls: certificate revocation lists of the configuration become tables (dataplane/wire/crl.h).
 *
 * Why: a list that the handshake could never use (no number, no next update, a delta, of a part of
 * the certificates) is an error when it is loaded, not a mystery when a partner is refused.
 * Owner: pure over the caller's bytes. Never: judges staleness: that is the handshake's, at its
 * time; needs more than one sort for any number of entries.
 */
#ifndef PENSTOCK_MGMT_MODEL_CRLS_H
#define PENSTOCK_MGMT_MODEL_CRLS_H

#include <openssl/x509.h>
#include <stdint.h>
#include "dataplane/base/err.h"

#define CRLS_FILE_MAX 64 /* lists in one file */

/* Every list in the file (PEM or DER), each of a form that can be used. NULL with *e. */
STACK_OF(X509_CRL) * crls_read(const uint8_t *data, size_t n, const char *where, struct err *e);
/* One list as a sealed table. Descriptor, or -errno. */
int crls_table(X509_CRL *crl);
int64_t crls_next_update(const X509_CRL *crl);

#endif
