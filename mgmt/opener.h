/*
 * opener: what a configuration names, read through the launcher or from the objects, and kept.
 *
 * Why: a revision must mean tomorrow what it means today: whatever was read on the way is put among
 * the objects, and the document names it there from then on.
 * Owner: one compilation. Never: reads a key: the launcher keeps it and gives a token.
 */
#ifndef PENSTOCK_MGMT_OPENER_H
#define PENSTOCK_MGMT_OPENER_H

#include <jansson.h>
#include "mgmt/manager.h"

struct opener_kept;

struct opener_run {
    struct manager *m;
    bool resume; /* the keys are in the keyring already: tokens are not asked for */
    int put_rc;  /* why something could not be kept, or 0 */
    struct opener_kept *kept;
    unsigned n_kept;
};

/* The opener for compile(); run stays the caller's. */
struct opener opener_of(struct opener_run *run);
void opener_fini(struct opener_run *run);
/* A copy of the document in which everything that was read is named by its hash. NULL: no memory.
 */
json_t *opener_canonical(const struct opener_run *run, const json_t *document);
/* The whole of a descriptor. 0 or -errno. */
int opener_read_fd(int fd, size_t max, uint8_t **data, size_t *n);

#endif
