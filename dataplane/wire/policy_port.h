/*
 * policy_port: what a port of the DPDK engine is to an address.
 *
 * Why: mgmt judges a configuration by the same rule by which the engine routes.
 * Owner: pure functions.
 */
#ifndef PENSTOCK_WIRE_POLICY_PORT_H
#define PENSTOCK_WIRE_POLICY_PORT_H

#include "dataplane/wire/policy.h"

enum port_reach { PORT_NO_WAY, PORT_GATEWAY, PORT_ON_LINK };

/* Is it one of the port's own addresses? (Port numbers are not looked at.) */
bool policy_port_owns(const struct policy_port *p, const struct addr *a);
/* How the port leads to this address. */
enum port_reach policy_port_reach(const struct policy_port *p, const struct addr *a);
/* Do both lie in the same IPv4 network of `prefix` bits, or the same IPv6 network of 64? */
bool policy_port_same_net(const struct addr *a, const struct addr *b, uint8_t prefix);
/* Do both describe the same ports and devices, so that a running engine need not begin anew? */
bool policy_dpdk_equal(const struct policy_dpdk *a, const struct policy_dpdk *b);

#endif
