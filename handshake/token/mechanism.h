/*
 * mechanism: one TLS signature by a private key in a token.
 *
 * Why: TLS speaks of schemes, PKCS#11 of mechanisms, and each has its own form of a signature. We
 * hash here, so that the token gets a digest (or, for Ed25519, the text) in one call, whatever it
 * can hash by itself.
 * Owner: the caller's session. Never: judges the content: whoever asks has.
 */
#ifndef PENSTOCK_TOKEN_MECHANISM_H
#define PENSTOCK_TOKEN_MECHANISM_H

#include <stddef.h>
#include <stdint.h>
#include "handshake/keyring/sign.h"
#include "handshake/token/module.h"

#define MECHANISM_SIGNATURE_MAX 640 /* RSA of 4096 bits: 512; ECDSA as DER: 104 */

/*
 * Sign text as `scheme` (one of sign_find(kind)) says. out holds *n bytes, gets the length. CKR_OK,
 * or what the token says; CKR_MECHANISM_INVALID for a kind of key that no token is asked to use.
 */
CK_RV mechanism_sign(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                     enum key_kind kind, const struct sign_scheme *scheme, const uint8_t *text,
                     size_t n_text, uint8_t *out, size_t *n);
/* The PKCS#11 key type of a kind. 0, or -ENOTSUP: none that tokens are asked for. */
int mechanism_key_type(enum key_kind kind, CK_KEY_TYPE *type);
/*
 * r and s, of equal length side by side (n bytes in all), as TLS wants them: ECDSA-Sig-Value (RFC
 * 3279 2.2.3). Its length in out (cap bytes), or -EINVAL (odd, too long, a zero), -ENOSPC.
 */
int mechanism_ecdsa_der(const uint8_t *raw, size_t n, uint8_t *out, size_t cap);

#endif
