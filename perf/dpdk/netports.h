/*
 * netports: the generator's two Ethernet ports: clients outside of the gateway, servers inside.
 *
 * Why: DPDK is started by the same code as in the gateway, from a few words instead of a policy.
 * Owner: main(), then the one process that works. Never: outlives it.
 */
#ifndef PENSTOCK_PERF_NETPORTS_H
#define PENSTOCK_PERF_NETPORTS_H

#include <stdbool.h>
#include "dataplane/dpdk/port.h"

#define NETPORTS_SERVER_PORT 9000 /* where the backend listens, at the inside port's address */

/* Read options up to "--". How many arguments that were, or -EINVAL (told on stderr). */
int netports_options(int argc, char *argv[]);
const char *netports_usage(void);
/*
 * Open the ports, wait until the gateway is at their other ends and until a line on stdin lets us
 * begin. NULL: told on stderr.
 */
struct ports *netports_open(void);
/* The address of the inside port. */
const struct addr *netports_server(void);

#endif
