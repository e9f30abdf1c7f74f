/*
 * makekey: new private keys.
 *
 * Why: the kinds that the vault offers are one table. Making an RSA key takes seconds, so it can be
 * called off. Owner: the caller gets the key. Never: makes a kind that the gateway would not take.
 */
#ifndef PENSTOCK_KEYRING_MAKEKEY_H
#define PENSTOCK_KEYRING_MAKEKEY_H

#include <stdatomic.h>
#include <openssl/evp.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/vault.h"

/*
 * Make a key of a kind. *stop is looked at now and then. 0 with *out, or -errno with *e: -ENOTSUP
 * (this OpenSSL has no such keys), -ECANCELED (stop was set), -EIO.
 */
int makekey(enum vault_kind kind, atomic_bool *stop, EVP_PKEY **out, struct err *e);

#endif
