/* sign_request: private to sign*.c: from one signing operation to a question for the keyring. */
#ifndef PENSTOCK_HANDSHAKE_SIGN_REQUEST_H
#define PENSTOCK_HANDSHAKE_SIGN_REQUEST_H

#include "handshake/sign_store.h"

/* Take padding parameters. 1 or 0, as OpenSSL wants it. */
int sign_set_params(struct sign_operation *op, const OSSL_PARAM params[]);
/* Ask the keyring and wait for its answer. 1 with *n_sig, or 0. */
int sign_request(struct sign_operation *op, uint8_t *sig, size_t *n_sig, size_t cap,
                 const uint8_t *content, size_t n_content);

#endif
