/*
 * secrets: traffic secrets on their way from OpenSSL to the data plane.
 *
 * Why: TLS 1.3's come as they are derived (kdf) or by the keylog callback, TLS 1.2's key block is
 * derived here; both leave as traffic_keys. Owner: the conn. Never: written anywhere but memory;
 * left unwiped.
 */
#ifndef PENSTOCK_HANDSHAKE_SECRETS_H
#define PENSTOCK_HANDSHAKE_SECRETS_H

#include <openssl/ssl.h>
#include "dataplane/wire/handoff.h"
#include "dataplane/wire/keys.h"

struct secrets {
    uint8_t client[SUITE_SECRET_MAX], server[SUITE_SECRET_MAX];
    uint8_t n_client, n_server;
};

/* OpenSSL had this secret derived under this label (RFC 8446 7.1); only two are of use. */
void secrets_derived(struct secrets *s, const uint8_t *label, size_t n_label, const uint8_t *secret,
                     size_t n);
/* One line of the key log. */
void secrets_line(struct secrets *s, const char *line);
/* Fill both directions from a finished handshake; sequence numbers are the caller's. 0 or -EIO. */
int secrets_keys(struct secrets *s, SSL *ssl, enum leg_side side, struct traffic_keys *rx,
                 struct traffic_keys *tx);
void secrets_wipe(struct secrets *s);

#endif
