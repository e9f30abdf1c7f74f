/*
 * live: the machine's interfaces, routes and clock as the kernel has them now.
 *
 * Owner: plain memory. Never: changes anything but the one device that it is told to remove.
 */
#ifndef PENSTOCK_IMAGE_LIVE_H
#define PENSTOCK_IMAGE_LIVE_H

#include "dataplane/wire/system.h"

/* The interfaces, and no routes yet. */
void live_links(struct system_links *out);
/* Routes beside them: those of the main table that lead off the machine. */
void live_routes(struct system_links *out);
/* synchronised, offset and greatest error. */
void live_clock(struct system_time *out);
/* A VLAN or a bond is no more. 0 (also where there was none) or -errno. */
int live_remove(const char *name);

#endif
