/*
 * content: what the keyring is willing to sign.
 *
 * Why: a captured handshake process could otherwise have anything signed: a certificate, a file,
 * another protocol's login. TLS signs three forms only, and each is recognised to its last byte.
 * Never: takes a digest; lets a form pass that the identity is not used for.
 */
#ifndef PENSTOCK_KEYRING_CONTENT_H
#define PENSTOCK_KEYRING_CONTENT_H

#include <stddef.h>
#include <stdint.h>

enum content_kind {
    CONTENT_TLS13, /* CertificateVerify of a server or a client (RFC 8446 4.4.3) */
    CONTENT_TLS12, /* ServerKeyExchange with a named curve (RFC 8422 5.4), or the transcript that a
                      client's CertificateVerify signs (RFC 5246 7.4.8) */
};

/*
 * Recognise content (n bytes). uses: POLICY_USE_* of the identity, which must name both the role
 * and the version. 0 with *kind, or -EPERM: no form that this identity may sign.
 */
int content_check(const uint8_t *content, size_t n, uint8_t uses, enum content_kind *kind);

#endif
