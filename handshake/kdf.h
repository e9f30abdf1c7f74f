/*
 * kdf: the key schedule of TLS 1.3 (RFC 8446 7.1), as OpenSSL asks for it.
 *
 * Why: OpenSSL's own "TLS13-KDF" looks digests up by name for each of some thirty HMACs, a tenth of
 * a handshake; and what comes out of it is what the data plane needs, which the key log would write
 * out in hex, byte by byte. Owner: the process's; listening is of the thread that makes handshakes.
 * Never: another derivation than RFC 8446's two; hands a secret to anybody but who listens.
 */
#ifndef PENSTOCK_HANDSHAKE_KDF_H
#define PENSTOCK_HANDSHAKE_KDF_H

#include <openssl/core_dispatch.h>

struct secrets;

/* For a provider to list as "TLS13-KDF"; hmac_start() comes before its first use. */
extern const OSSL_DISPATCH kdf_tls13[];

/* When it is listed: find it, so that OpenSSL need not look for it each time. 0 or -ENOTSUP. */
int kdf_start(void);

/* From now on the application traffic secrets that are derived go there too; NULL: to nobody. */
void kdf_listen(struct secrets *s);

#endif
