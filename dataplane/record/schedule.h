/*
 * schedule: the TLS 1.3 key schedule from the application traffic secret on (RFC 8446, 7.1-7.3).
 *
 * Why: the data plane derives each KeyUpdate generation itself, so that a session depends on no
 * other process once it is keyed. Owner: works on the caller's traffic_keys; any thread. Never:
 * leaves an old generation behind, or half a new one.
 */
#ifndef PENSTOCK_RECORD_SCHEDULE_H
#define PENSTOCK_RECORD_SCHEDULE_H

#include "dataplane/wire/keys.h"

/*
 * HKDF-Expand-Label(secret, label, context "", n) with the suite's hash (RFC 8446 7.1). secret has
 * suite->hash_len bytes and n is at most that; label is without "tls13 ". 0 or -EIO.
 */
int schedule_expand_label(const struct suite *suite, const uint8_t *secret, const char *label,
                          uint8_t *out, size_t n);
/* Fill key and iv from secret (TLS 1.3); nothing to do for 1.2. 0 or -EIO. */
int schedule_keys(struct traffic_keys *k);
/*
 * Next generation: "traffic upd" (7.2), new key and iv, seq 0, epoch + 1; the old one is wiped.
 * 0; -EINVAL for TLS 1.2, which has none; -EIO. On failure *k is as it was.
 */
int schedule_update(struct traffic_keys *k);

#endif
