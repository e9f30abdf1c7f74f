/*
 * file: whole small files below the working directory, written so that a crash leaves the old or
 * the new one.
 *
 * Why: what the gateway starts from must never be half a file. Owner: plain values. Never: follows
 * a link; leaves its temporary file behind on failure.
 */
#ifndef PENSTOCK_MGMT_STORE_FILE_H
#define PENSTOCK_MGMT_STORE_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Temporary file, fsync, rename, fsync of the directory. 0 or -errno (-ENOSPC). */
int file_write(const char *path, const void *data, size_t n);
/* *data is the caller's to free and ends with a NUL that n does not count. 0, -EFBIG, -errno. */
int file_read(const char *path, size_t max, uint8_t **data, size_t *n);

#endif
