/*
 * listeners: the sockets on which this machine can be spoken to, as the kernel's tables in
 * /proc/net have them.
 *
 * Why: what is open is told by the kernel and not by what is meant to be. Owner: pure but for
 * the files. Never: tells of connections, which are the gateway's sessions.
 */
#ifndef PENSTOCK_IMAGE_LISTENERS_H
#define PENSTOCK_IMAGE_LISTENERS_H

#include "dataplane/wire/system.h"

/* Those of TCP that listen; those of UDP and raw IP that are not connected. */
void listeners_look(struct system_checkup *out);
/* One line of such a table. False: it is none, or another state's. */
bool listeners_line(const char *line, enum system_protocol protocol, struct system_listener *out);

#endif
