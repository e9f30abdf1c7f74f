/*
 * holding: everything the launcher holds of one revision, as descriptors.
 *
 * Why: a process that comes back is given the running revision again from here, byte for byte what
 * was committed, whatever happened to the files since.
 * Owner: change (running, pending, prior). Never: parses an image but the data plane's.
 */
#ifndef PENSTOCK_LAUNCHER_HOLDING_H
#define PENSTOCK_LAUNCHER_HOLDING_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/policy.h"
#include "mgmt/launcher/child.h"
#include "mgmt/launcher/fleet.h"
#include "mgmt/launcher/listeners.h"

#define HOLDING_ATTACHMENTS_MAX 65536 /* of a kind; policy indices are 16 bits */

struct fd_table {
    int *fds; /* -1: a hole */
    uint32_t n;
};

/* One key in a token. */
struct token_held {
    uint32_t index; /* as of ATTACH_KEY */
    int fd;         /* a struct token_key */
    char *module;
    unsigned slot; /* its token process */
    bool refused;  /* the PIN was: the process must not try it again, nor its successor */
};

struct holding {
    uint64_t number;
    int text;      /* sealed copy of the configuration, or -1 */
    int images[3]; /* by ATTACH_IMAGE_* */
    struct fd_table crls, keys;
    struct token_held *tokens;
    unsigned n_tokens;
    struct policy *policy; /* of the data plane's image; NULL before holding_settle() */
    struct listeners listeners;
};

/* A new one; takes text_fd (may be -1), also on failure. NULL: out of memory. */
struct holding *holding_new(uint64_t number, int text_fd);
void holding_free(struct holding *r);           /* NULL is harmless */
bool holding_is_empty(const struct holding *r); /* nothing was attached yet */
/*
 * Keep a duplicate of fd as attachment `index` of a kind (not LISTENER); TEXT takes the place of
 * the text. 0, -EEXIST (was attached
 * before), -EINVAL (kind or index), -EBADF, -ENOMEM, -EMFILE.
 */
int holding_attach(struct holding *r, uint8_t kind, uint32_t index, int fd);
/* The same of a key in a token of this module. */
int holding_attach_token(struct holding *r, uint32_t index, int fd, const char *module);
/* Has it a key in token process `slot`? r may be NULL. */
bool holding_uses_token(const struct holding *r, unsigned slot);
/* Give every module its process. 0, or -errno with *e: too many. */
int holding_seat(struct holding *r, struct fleet *f, struct err *e);
void holding_pin_refused(struct holding *r, unsigned slot, uint64_t index);
/*
 * Everything was attached: check that it is complete, decode the data plane's image and open its
 * listeners, with sockets of old (may be NULL) taken along. 0 or -errno with *e filled.
 */
int holding_settle(struct holding *r, const struct holding *old, unsigned workers, struct err *e);
/* Send the attachments of c's role, then PREPARE. runs: it is the running revision, again. */
void holding_give(const struct holding *r, struct child *c, bool runs);
/* Close all that only a running revision needs; the policy stays. */
void holding_retire(struct holding *r);
/* True if the revision has an internal link of this name. */
bool holding_has_internal(const struct holding *r, const char *link);
/* True if a target of the revision is this unix address; without one: if it has the management
 * link. */
bool holding_has_target(const struct holding *r, const struct addr *a);

#endif
