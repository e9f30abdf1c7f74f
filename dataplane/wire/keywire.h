/*
 * keywire: the contract between a handshake process (H) and the keyring (K).
 *
 * Why: K signs only what TLS signs. H sends the content, never a digest; K checks that it has the
 * form of its kind before it signs, so that a captured H can not get arbitrary signatures.
 *   H: SIGN   (key, scheme, content)      K: SIGNED (signature, or an errno)
 * Requests for keys that K has itself are answered in order. For a key in a token SIGNED says
 * EINPROGRESS at once, and a second one comes when the token has signed, after others perhaps. K
 * sends the request on in the same form to the token process, which takes it from nobody else.
 */
#ifndef PENSTOCK_WIRE_KEYWIRE_H
#define PENSTOCK_WIRE_KEYWIRE_H

#include <stdint.h>
#include "dataplane/base/buf.h"

#define KEYWIRE_CONTENT_MAX   (96 * 1024) /* a TLS 1.2 client signs its whole transcript */
#define KEYWIRE_SIGNATURE_MAX (8 * 1024)  /* ML-DSA-87: 4627 */

enum keywire_type { KEYWIRE_SIGN = 1, KEYWIRE_SIGNED = 16 };

struct keywire_sign {
    uint32_t request; /* echoed */
    uint64_t revision;
    uint16_t identity; /* index into policy identities of that revision */
    uint16_t scheme;   /* TLS SignatureScheme: 0x0403 ecdsa_secp256r1_sha256, 0x0503, 0x0804..6
                          rsa_pss_rsae_*, 0x0809..b rsa_pss_pss_*, 0x0807 ed25519, 0x0904..6 mldsa;
                          0x0401/0x0501/0x0601 rsa_pkcs1 for TLS 1.2 peers only */
    const uint8_t *content;
    size_t n_content;
};

struct keywire_signed {
    uint32_t request;
    int32_t error; /* 0, or an errno: EPERM content refused, ENOENT no such key, EIO failed,
                      EINPROGRESS: the key is in a token */
    const uint8_t *signature;
    size_t n_signature;
};

void keywire_put_sign(struct buf *b, const struct keywire_sign *m);
int keywire_get_sign(struct buf *b, struct keywire_sign *m);
void keywire_put_signed(struct buf *b, const struct keywire_signed *m);
int keywire_get_signed(struct buf *b, struct keywire_signed *m);

#endif
