/*
 * provide: the algorithms that OpenSSL finds in this process.
 *
 * Why: for each public key of each certificate that a stranger sends, OpenSSL looks through all
 * decoders and all algorithms that were ever listed, by name and under locks. On 3.0 that is a
 * third of the instructions of a handshake. So the default provider is loaded where nobody looks,
 * in a library context of its own, and a provider of ours lists the few of its algorithms that a
 * handshake here can use. A stranger's key of a type that no rule could ever allow meets no parser.
 * Owner: the process; made before anything else of OpenSSL is used, lives until it ends.
 * Never: a cipher, hash or signature of its own (only how hashes are put
 * together: kdf, mac); a decoder of private keys.
 */
#ifndef PENSTOCK_HANDSHAKE_PROVIDE_H
#define PENSTOCK_HANDSHAKE_PROVIDE_H

/* Call once, before the first algorithm is asked for. 0 or -errno. */
int provide_init(void);

#endif
