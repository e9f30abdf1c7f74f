/*
 * keys: the traffic keys of one direction, the only key-bearing type outside handshake/.
 *
 * Why: the handshake process produces two of them, the data plane consumes them; they move, wiped
 * behind, and nothing else carries keys.
 * Owner: whoever holds it; moved with traffic_keys_move(), ended with traffic_keys_wipe().
 * Never: printed, copied, or kept in a message buffer that is not wiped after use.
 */
#ifndef PENSTOCK_WIRE_KEYS_H
#define PENSTOCK_WIRE_KEYS_H

#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/wire/suite.h"

struct traffic_keys {
    const struct suite *suite;        /* NULL: empty */
    uint8_t secret[SUITE_SECRET_MAX]; /* TLS 1.3: the current application traffic secret */
    uint8_t key[SUITE_KEY_MAX];       /* TLS 1.2: as derived by the handshake; */
    uint8_t iv[SUITE_IV_MAX];         /* TLS 1.3: derived from secret by record/schedule */
    uint64_t seq;                     /* sequence number of the next record */
    uint32_t epoch;                   /* KeyUpdates since the handshake */
};

void traffic_keys_move(struct traffic_keys *dst, struct traffic_keys *src);
void traffic_keys_wipe(struct traffic_keys *k);

/*
 * Codec for a channel: suite id, seq, then the secret (TLS 1.3, hash_len bytes) or key and iv
 * (1.2). Decoding an unknown suite makes the buffer bad. epoch is 0 after decoding.
 */
void traffic_keys_put(struct buf *b, const struct traffic_keys *k);
void traffic_keys_get(struct buf *b, struct traffic_keys *k);

#endif
