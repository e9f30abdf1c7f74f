/*
 * drive: the file of a new appliance's first configuration, on a small disk with a label or among
 * the credentials of a hypervisor.
 *
 * Why: a file system from outside is a parser's input, so it is looked at only where something is
 * still to be taken from it, and is mounted read-only for the one file. Owner: the caller's memory.
 * Never: follows a link; leaves it mounted; reads more than there is room for.
 */
#ifndef PENSTOCK_IMAGE_DRIVE_H
#define PENSTOCK_IMAGE_DRIVE_H

#include <stddef.h>

#include "dataplane/base/err.h"

#define DRIVE_FILE "penstock.json"

/*
 * The file `name` in the folder. Its bytes are in text, at most max. 0 with *n; -ENOENT: there is
 * none; or -errno with *e.
 */
int drive_file(const char *folder, const char *name, char *text, size_t max, size_t *n,
               struct err *e);
/* DRIVE_FILE of the disk: a device with FAT or ISO 9660, or a folder. As drive_file(). */
int drive_read(const char *disk, const char *mount_at, char *text, size_t max, size_t *n,
               struct err *e);

#endif
