/*
 * binding: a device's driver is vfio-pci, or the kernel's own again; and memory in huge pages.
 *
 * Why: the writing half of devices.h. `driver_override` binds this one device and none of its kind;
 * and before a device counts as given, the kernel itself is asked whether it would let a process
 * drive it, which it does not without interrupt remapping.
 * Owner: the helper's single thread. Never: judges.
 */
#ifndef PENSTOCK_IMAGE_BINDING_H
#define PENSTOCK_IMAGE_BINDING_H

#include "appliance-image/src/devices.h"

#define BINDING_DRIVER "vfio-pci"

/* 0, or -errno with *e and the device has the driver it had. One that is bound stays so. */
int binding_do(const struct devices *d, const char *address, struct err *e);
void binding_undo(const struct devices *d, const char *address);
/*
 * Have so many MiB in huge pages of 2 MiB, for a process to take; half of the machine's memory at
 * most. 0, or -ENOMEM with *e and there are as many as before.
 */
int binding_reserve(const struct devices *d, uint32_t mb, struct err *e);
/* How many MiB there are. */
uint32_t binding_memory(const struct devices *d);

#endif
