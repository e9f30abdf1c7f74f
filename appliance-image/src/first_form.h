/*
 * first_form: the document that a new appliance is given from outside.
 *
 *   network, time    as PUT system/network and system/time take them
 *   administrators   {"trust": {...}, "access": [...]}   as /trust/NAME and /management/access of
 *                    the configuration
 *
 * Why: one schema, judged by the functions that judge it over REST, so that what is tried on one
 * appliance is good for the drive of the next. Of the administrators only the form is judged here,
 * the rest by the gateway, whose configuration they become. Owner: first_form_fini() it. Never:
 * takes a part of it.
 */
#ifndef PENSTOCK_IMAGE_FIRST_FORM_H
#define PENSTOCK_IMAGE_FIRST_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "dataplane/base/err.h"
#include "dataplane/wire/network.h"

#define FIRST_MAX (64 * 1024) /* bytes of the document */

struct first {
    bool has_network, has_time;
    struct network network;
    struct network_time time;
    json_t *change; /* of the gateway's configuration, as a merge patch; NULL: none */
};

/* 0, or -EINVAL with *e: the place is a pointer into the document. */
int first_form_read(const char *text, size_t n, struct first *f, struct err *e);
void first_form_fini(struct first *f);

#endif
