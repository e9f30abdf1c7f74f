/*
 * certs: certificates that stood in an allowed chain are not read again.
 *
 * Why: OpenSSL reads every certificate that a peer presents, and of each its key, through its
 * generic decoders: a fifth of a handshake on OpenSSL 3.0, and mostly for bytes that were read a
 * moment ago. libssl asks libcrypto for d2i_X509(); this program has a function of that name, which
 * the dynamic linker finds first. Byte for byte the same certificate is the same object; all else
 * is OpenSSL's to read.
 * Owner: the thread that called certs_init(); others read as if there were no certs.
 * Never: a verdict, a date, anything but what the bytes say; a stranger's certificate: who is not
 * let in can not push out who was.
 */
#ifndef PENSTOCK_HANDSHAKE_CERTS_H
#define PENSTOCK_HANDSHAKE_CERTS_H

#include <openssl/x509.h>

#define CERTS_SETS    256
#define CERTS_WAYS    4    /* of a set; the least recently used makes room */
#define CERTS_CAME    4096 /* that were let in once, at most */
#define CERTS_DER_MAX 4096 /* a longer one is read each time */

/* Call once in the thread that makes handshakes. 0 or -ENOMEM. */
int certs_init(void);
/* The chain was allowed: keep those of its certificates for which this is not the first time. */
void certs_keep(STACK_OF(X509) * chain);
/* How many are kept now, at most CERTS_SETS * CERTS_WAYS. */
unsigned certs_count(void);

#endif
