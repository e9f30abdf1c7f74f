/*
 * certs: certificate and CRL files of the configuration.
 *
 * Why: PEM or DER, several in a file, in the wrong order, expired, of the wrong kind: said in an
 * operator's words, before any process sees them. Owner: pure over the caller's bytes; results are
 * heap DER.
 */
#ifndef PENSTOCK_MGMT_MODEL_CERTS_H
#define PENSTOCK_MGMT_MODEL_CERTS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include "dataplane/base/err.h"

/* Every certificate in the file, in its order. NULL with *e. */
STACK_OF(X509) * certs_read(const uint8_t *data, size_t n, const char *where, struct err *e);
/* Put a chain in order (leaf first, each the issuer of the one before). 0, or -EINVAL with *e. */
int certs_order(STACK_OF(X509) * chain, const char *where, struct err *e);
/* Our own leaf: key type, dates now. 0 or -EINVAL with *e. */
int certs_check_own(X509 *leaf, const char *where, struct err *e);
/* One CRL (PEM or DER) as a sealed crl table. Descriptor, or -errno with *e. *stale: its next
 * update is past. */
int certs_crl_table(const uint8_t *data, size_t n, const char *where, bool *stale, struct err *e);

#endif
