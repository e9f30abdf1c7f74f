/*
 * places: every address of every link, sorted, so that those that meet lie side by side.
 *
 * Why: 4,096 links of 64 addresses are compared by one sort, never each with each.
 * Owner: the caller, until places_fini(); the links stay the model's. Never: judges form: addresses
 * that do not parse were refused before.
 */
#ifndef PENSTOCK_MGMT_MODEL_PLACES_H
#define PENSTOCK_MGMT_MODEL_PLACES_H

#include "mgmt/model/model.h"

#define PLACES_ADDRESSES_MAX 4096 /* distinct ones */

struct place {
    struct addr addr;
    unsigned order; /* in the document */
    unsigned link, index;
};

struct places {
    struct place *rows; /* by family, port, address, order */
    unsigned n;
};

/* 0 or -ENOMEM. */
int places_init(struct places *p, const struct model *m);
void places_fini(struct places *p);
/* The end of the run of rows with the address (family and port) of row i. */
unsigned places_same_address(const struct places *p, unsigned i);
unsigned places_same_port(const struct places *p, unsigned i);

/* Do links get in each other's way? 0, -EINVAL with the first fault in document order, -ENOMEM. */
int places_judge(const struct model *m, struct err *e);

#endif
