/*
 * crlplace: a new revocation list takes the place of its issuer's old one.
 *
 * Why: one that an operator uploads and one that is fetched go the same way. Owner: pure but for
 * the objects that are read. Never: puts an older list in the place of a newer one.
 */
#ifndef PENSTOCK_MGMT_CRLPLACE_H
#define PENSTOCK_MGMT_CRLPLACE_H

#include <jansson.h>
#include <openssl/x509.h>
#include "dataplane/base/err.h"

/* The one list of some bytes, or NULL with *e. */
X509_CRL *crlplace_read(const void *data, size_t n, struct err *e);
/*
 * A copy of the document in which the trust's lists have `fresh`, which is kept as the object
 * `ref`. NULL with *e: a newer one is there already, or the old one is kept together with others.
 */
json_t *crlplace(const json_t *document, const char *trust, X509_CRL *fresh, const char *ref,
                 struct err *e);

#endif
