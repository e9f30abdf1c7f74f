/*
 * keymem: where key bytes live in this process.
 *
 * Why: OpenSSL copies a key while it decodes and uses it, and frees most of that unwiped. Here all
 * memory that OpenSSL frees is wiped, long-lived private numbers sit in its locked secure heap, and
 * nothing of the process is written to swap where the system lets us say so.
 * Owner: main, before the first call of OpenSSL and before the sandbox.
 */
#ifndef PENSTOCK_KEYRING_KEYMEM_H
#define PENSTOCK_KEYRING_KEYMEM_H

#include "dataplane/base/err.h"

enum keymem_lock { KEYMEM_ALL_LOCKED, KEYMEM_HEAP_LOCKED, KEYMEM_NOT_LOCKED };

/*
 * 0, or -errno with *e filled: -EBUSY when OpenSSL has allocated before, -ENOMEM. A system that
 * refuses to lock memory is no failure: *lock says how much is locked, for the log.
 */
int keymem_init(enum keymem_lock *lock, struct err *e);

#endif
