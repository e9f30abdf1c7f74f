/*
 * prefetch: everything that OpenSSL would look up or open later, looked up now.
 * Why: after the sandbox no file can be opened, and a first signature should not be a slow one.
 */
#ifndef PENSTOCK_KEYRING_PREFETCH_H
#define PENSTOCK_KEYRING_PREFETCH_H

#include "dataplane/base/err.h"

/* Before the sandbox. 0, or -EIO with *e: this OpenSSL lacks what the gateway needs. */
int prefetch(struct err *e);

#endif
