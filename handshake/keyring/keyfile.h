/*
 * keyfile: one private key out of a PEM file's descriptor.
 *
 * Why: reading, decoding and judging a key is one step with one error text, and the bytes in
 * between are wiped on every way out.
 * Owner: the caller gets the key. Never: asks for a pass phrase; takes a key that the gateway
 * refuses in peers.
 */
#ifndef PENSTOCK_KEYRING_KEYFILE_H
#define PENSTOCK_KEYRING_KEYFILE_H

#include <openssl/evp.h>
#include "dataplane/base/err.h"
#include "handshake/keyring/sign.h"

#define KEYFILE_MAX (64 * 1024)

/*
 * Read the first private key of the PEM file fd: PKCS#8, or an RSA or EC key in its own format. fd
 * stays the caller's, its offset untouched. 0 with *out (the caller's to free) and *kind, or -errno
 * with *e: -EFBIG, -ENOKEY (no key in it), -EACCES (encrypted), -EKEYREJECTED (kind or size), ...
 * where is the JSON pointer for *e.
 */
int keyfile_read(int fd, const char *where, EVP_PKEY **out, enum key_kind *kind, struct err *e);
/* The kind of a key, public or private. 0, or -EKEYREJECTED with *e. */
int keyfile_judge(const EVP_PKEY *pkey, const char *where, enum key_kind *kind, struct err *e);

#endif
