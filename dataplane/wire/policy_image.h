/*
 * policy_image: a process's slice of a revision, out of the sealed memory it was attached in.
 *
 * Never: takes an image of another revision or without the slice asked for: it would be the wrong
 * policy.
 */
#ifndef PENSTOCK_POLICY_IMAGE_H
#define PENSTOCK_POLICY_IMAGE_H

#include "dataplane/wire/policy.h"

#define POLICY_ANY_REVISION 0 /* none has this number */

/*
 * fd: the sealed memfd, or -1 where none was attached; stays the caller's. 0 with *out to be freed
 * by policy_free(); -ENOENT (none), -EPROTO (malformed, of another revision or slice), or as
 * memfd_map().
 */
int policy_image_read(int fd, uint64_t revision, uint8_t slice, struct policy **out);

#endif
