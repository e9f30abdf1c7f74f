/*
 * running: which version of the system runs, by what was started: its os-release and the kernel's
 * command line, both of which the signed kernel image vouches for. Owner: plain memory. Never:
 * takes a half of either for the whole.
 */
#ifndef PENSTOCK_IMAGE_RUNNING_H
#define PENSTOCK_IMAGE_RUNNING_H

#include <stdint.h>

#include "appliance-image/src/bundle.h"
#include "appliance-image/src/entry.h"
#include "dataplane/base/err.h"

#define RUNNING_TEXT_MAX 4096 /* bytes of either file */

/* The VERSION_ID of os-release's text. 0, or -EINVAL: there is none, or it is no version. */
int running_version(const char *text, uint64_t *version);
/* When a version was made, by its digits (UTC): seconds since 1970; 0: they are no date. */
int64_t running_made_s(uint64_t version);
/* The first half of `roothash=` on a command line. 0, or -EINVAL: there is none of 64 digits. */
int running_uuid(const char *text, uint8_t uuid[ENTRY_UUID]);

/* The whole of a small file, terminated. 0 or -errno with *e. */
int running_read(const char *path, char text[RUNNING_TEXT_MAX], struct err *e);
/* A public key: a file of exactly BUNDLE_KEY bytes. 0 or -errno with *e. */
int running_key(const char *path, uint8_t key[BUNDLE_KEY], struct err *e);

#endif
