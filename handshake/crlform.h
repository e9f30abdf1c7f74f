/*
 * crlform: what the signed bytes of a CRL say, without unpacking its entries (RFC 5280 5).
 *
 * Why: a table of serials is only as good as the list that its issuer signed; everything but the
 * serials is read from the signed bytes themselves, and the table is held against them. An X509_CRL
 * of 100,000 entries would cost 38 MB. Owner: a form borrows the view's memory. Never: looks at a
 * clock or a key.
 */
#ifndef PENSTOCK_HANDSHAKE_CRLFORM_H
#define PENSTOCK_HANDSHAKE_CRLFORM_H

#include <openssl/x509.h>
#include "dataplane/wire/crl.h"

struct crl_form {
    X509_NAME *issuer;
    X509_ALGOR *alg;
    const uint8_t *signature;
    const uint8_t *number; /* without leading zeros */
    const uint8_t *key_id; /* NULL: none */
    size_t n_signature, n_number, n_key_id;
    int64_t this_update, next_update; /* seconds since 1970 */
    const char *fault;                /* why it can never count, as "it ..."; NULL: it may */
};

/* Read the list behind a view. 0 (also with a fault), -EINVAL: no CRL, or not that of the view. */
int crl_form_read(struct crl_form *f, const struct crl_view *view);
void crl_form_clear(struct crl_form *f);

#endif
