/*
 * keyring_thread: the real key store, answering SIGN in a thread of the test's own process.
 *
 * Why: a handshake without a keyring is no handshake; what signs here is what signs in the keyring
 * process, content checks included. Owner: the thread lives until the channel is closed.
 */
#ifndef PENSTOCK_TEST_KEYRING_THREAD_H
#define PENSTOCK_TEST_KEYRING_THREAD_H

#include <openssl/evp.h>
#include "dataplane/wire/policy.h"

/* Keep the keys (keys[i] is of p->identities[i]) and answer on a new channel. The caller's end. */
int keyring_thread(const struct policy *p, EVP_PKEY *const *keys);

#endif
