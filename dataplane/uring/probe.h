/*
 * probe: what this kernel's TLS can really do, tried at start on a loopback pair.
 *
 * Why: version numbers lie (back-ports, missing modules); `auto` uses only what was seen to work.
 * Owner: main, before the sandbox (the kernel may have to load modules). Never: uses a real key.
 */
#ifndef PENSTOCK_URING_PROBE_H
#define PENSTOCK_URING_PROBE_H

#include "dataplane/core/worker.h"

/* Fill *k and log it as one line. */
void probe_ktls(struct ktls_ability *k);

#endif
