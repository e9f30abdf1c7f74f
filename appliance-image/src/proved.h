/*
 * proved: has the version that runs proved itself, by the name of its kernel image (entry.h)?
 *
 * Why: one that is on trial must change nothing that the version before could not read. Owner:
 * nothing is kept. Never: says yes where it can not tell.
 */
#ifndef PENSTOCK_IMAGE_PROVED_H
#define PENSTOCK_IMAGE_PROVED_H

#include <stdbool.h>

/* cmdline: the file with the kernel's command line; esp: where the EFI partition is mounted. */
bool proved(const char *cmdline, const char *esp);

#endif
