/*
 * revision: everything the launcher holds of one revision, as descriptors.
 *
 * Why: a process that comes back is given the running revision again from here, byte for byte what
 * was committed, whatever happened to the files since.
 * Owner: apply (running, pending, prior). Never: parses an image but the data plane's.
 */
#ifndef PENSTOCK_LAUNCHER_REVISION_H
#define PENSTOCK_LAUNCHER_REVISION_H

#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/policy.h"
#include "mgmt/launcher/child.h"
#include "mgmt/launcher/listeners.h"

#define REVISION_ATTACHMENTS_MAX 65536 /* of a kind; policy indices are 16 bits */

struct fd_table {
    int *fds; /* -1: a hole */
    uint32_t n;
};

struct revision {
    uint64_t number;
    int text;      /* sealed copy of the configuration, or -1 */
    int images[3]; /* by ATTACH_IMAGE_* */
    struct fd_table crls, keys;
    struct policy *policy; /* of the data plane's image; NULL before revision_settle() */
    struct listeners listeners;
};

/* A new one; takes text_fd (may be -1), also on failure. NULL: out of memory. */
struct revision *revision_new(uint64_t number, int text_fd);
void revision_free(struct revision *r); /* NULL is harmless */
/*
 * Keep a duplicate of fd as attachment `index` of a kind (not LISTENER). 0, -EEXIST (was attached
 * before), -EINVAL (kind or index), -EBADF, -ENOMEM, -EMFILE.
 */
int revision_attach(struct revision *r, uint8_t kind, uint32_t index, int fd);
/*
 * Everything was attached: check that it is complete, decode the data plane's image and open its
 * listeners, with sockets of old (may be NULL) taken along. 0 or -errno with *e filled.
 */
int revision_settle(struct revision *r, const struct revision *old, unsigned workers,
                    struct err *e);
/* Send the attachments of c's role, then PREPARE. */
void revision_give(const struct revision *r, struct child *c);
/* Close all that only a running revision needs; the policy stays. */
void revision_retire(struct revision *r);
/* True if a target of the revision is this unix address. */
bool revision_has_target(const struct revision *r, const struct addr *a);

#endif
