/*
 * units: network settings as the units of systemd-networkd, and servers of the time as
 * systemd-timesyncd reads them.
 *
 * Why: they are written anew from the settings at each start and each change, into memory: so
 * settings that nobody confirmed are gone after a power cut. Owner: plain memory; the folders are
 * the caller's. Never: writes settings that were not judged (network_judge), from which no line of
 * a unit could come that is not meant.
 */
#ifndef PENSTOCK_IMAGE_UNITS_H
#define PENSTOCK_IMAGE_UNITS_H

#include "dataplane/base/err.h"
#include "dataplane/wire/network.h"

/* The folder has these units and no other of ours. 0 or -errno with *e. */
int units_network(const char *folder, const struct network *n, struct err *e);
int units_time(const char *folder, const struct network_time *t, struct err *e);

#endif
