/*
 * devices: network cards for the DPDK engine: which could be given to it, which are, and giving.
 *
 * Why: a device that a process drives by itself writes to memory past the kernel, and is gone for
 * it. So one is given only behind an IOMMU, in a group without others, if it is a network card and
 * the appliance does not use it itself; who asks is not believed. The kernel's files in sysfs are
 * read each time: nothing is kept here, and a start of the machine begins with all at the kernel.
 * Owner: the helper's single thread. Never: takes a device from the kernel that is a disk's or an
 * interface's in use; leaves half of what was asked for.
 */
#ifndef PENSTOCK_IMAGE_DEVICES_H
#define PENSTOCK_IMAGE_DEVICES_H

#include "dataplane/base/err.h"
#include "dataplane/wire/network.h"
#include "dataplane/wire/system.h"

struct devices {
    const char *sys, *dev;                 /* "/sys", "/dev" */
    const struct network *running, *saved; /* settings: what they name the appliance keeps */
    uint32_t memory_mb;                    /* of the machine */
};

/* Network devices on a PCI bus, in the order of their addresses. */
void devices_list(const struct devices *d, struct system_devices *out);
/* May it be given? 0, or -EINVAL, -ENODEV, -EPERM, -EBUSY with *e; the place is the address. */
int devices_judge(const struct devices *d, const char *address, struct err *e);
/*
 * Give these and take the others back; nobody may have one of them open. 0, or -errno with *e and
 * all is as it was: the place is an address, or DEVICES_MEMORY.
 */
int devices_give(const struct devices *d, const struct system_give *want, struct err *e);
#define DEVICES_MEMORY "memory_mb"

#endif
