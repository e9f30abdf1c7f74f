/*
 * routes: which method of which path is answered by whom, and who may ask for it.
 *
 * Why: one table is the whole interface: dispatch, roles and description come from it.
 * Owner: const. Never: calls a handler for a caller whose roles the row does not name.
 */
#ifndef PENSTOCK_MGMT_API_ROUTES_H
#define PENSTOCK_MGMT_API_ROUTES_H

#include "mgmt/api/call.h"
#include "mgmt/api/upload.h"

#define ROUTES_ANY_QUERY "*" /* of what people and browsers load as they like */

struct route {
    const char *method, *path; /* {name} stands for one segment */
    unsigned roles;            /* any of them will do */
    void (*answer)(struct call *c);
    const char *query; /* the names of its query, with spaces between */
    const char *what;  /* one line for people */
    /* its body goes on to these as it comes: answered when the headers are here */
    const struct upload *uploads;
};

/* Find the row, check the caller, call it: c is answered or waits. */
void routes_dispatch(struct call *c);
/* Who takes the body of this request as it comes; NULL: it is held. */
const struct upload *routes_uploads(const struct call *c);
/* The methods of a path, for the Allow header. */
const char *routes_allowed(const char *path);
/* The table. */
const struct route *routes_all(size_t *n);

#endif
