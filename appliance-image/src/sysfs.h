/*
 * sysfs: the kernel's small files: one value in each.
 * Owner: plain memory. Paths are made as printf() does; one too long is as one that is not there.
 */
#ifndef PENSTOCK_IMAGE_SYSFS_H
#define PENSTOCK_IMAGE_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define SYSFS_PATH 512
#define SYSFS_TEXT 64

/* The file's first line, cut to SYSFS_TEXT - 1. 0 or -errno. */
int sysfs_read(char text[SYSFS_TEXT], const char *path, ...) __attribute__((format(printf, 2, 3)));
/* 0 or -errno. */
int sysfs_write(const char *value, const char *path, ...) __attribute__((format(printf, 2, 3)));
/* The last part of where a link leads; "" where there is none. */
void sysfs_link(char *out, size_t cap, const char *path, ...) __attribute__((format(printf, 3, 4)));
/* Calls each(arg, name) for what is in a folder, until it returns false. False: one did. */
bool sysfs_each(bool (*each)(void *arg, const char *name), void *arg, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

#endif
