/*
 * lookup: names to indices of a table, by bisection.
 *
 * Why: 4,096 links may name 4,096 identities; no reference may cost a walk over all of them.
 * Owner: the caller; the names stay the model's. Never: changes after lookup_init().
 */
#ifndef PENSTOCK_MGMT_MODEL_LOOKUP_H
#define PENSTOCK_MGMT_MODEL_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#define LOOKUP_NONE UINT32_MAX

struct lookup_row {
    const char *name;
    uint32_t index;
};

struct lookup {
    struct lookup_row *rows;
    unsigned n;
};

/* Over n structs of `size` bytes that begin with their name (const char *). 0 or -ENOMEM. */
int lookup_init(struct lookup *l, const void *table, unsigned n, size_t size);
void lookup_fini(struct lookup *l); /* harmless on a zeroed struct */
/* The index, or LOOKUP_NONE. */
uint32_t lookup_find(const struct lookup *l, const char *name);

#endif
