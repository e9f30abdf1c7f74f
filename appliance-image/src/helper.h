/*
 * helper: a request of a program of the appliance to penstock-system (dataplane/wire/system.h).
 *
 * Why: the console orders what REST orders, by the same verbs, and is judged in the same place.
 * Owner: nothing is kept; one connection for each request. Never: waits longer than HELPER_MS.
 */
#ifndef PENSTOCK_IMAGE_HELPER_H
#define PENSTOCK_IMAGE_HELPER_H

#include "dataplane/base/err.h"
#include "dataplane/wire/system.h"

#define HELPER_MS 10000

/* How the system stands. 0, or -errno with *e. */
int helper_status(const char *socket_path, struct system_status *status, struct err *e);
/* The version starts next, on trial. 0, or -errno with *e. */
int helper_activate(const char *socket_path, uint64_t version, struct err *e);
/* These settings in place of what there is, for good. 0, or -errno with *e. */
int helper_network(const char *socket_path, const struct network *n, struct err *e);
int helper_time(const char *socket_path, const struct network_time *t, struct err *e);
/* The machine starts again, or stops. 0, or -errno with *e. */
int helper_power(const char *socket_path, enum system_power what, struct err *e);
/* The state is destroyed at the next start, which comes at once. 0, or -errno with *e. */
int helper_reset(const char *socket_path, struct err *e);

#endif
