/*
 * network_form: the appliance's network settings as JSON, and back.
 *
 * Why: what GET shows can be PUT again, and has one spelling, so that its tag is its state's.
 * Owner: plain values. Never: takes a key that it does not know.
 */
#ifndef PENSTOCK_MGMT_MODEL_NETWORK_FORM_H
#define PENSTOCK_MGMT_MODEL_NETWORK_FORM_H

#include <jansson.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/network.h"

/* 0, or -EINVAL with *e and its pointer; it is judged (network_judge) too. */
int network_form_read(const json_t *doc, struct network *n, struct err *e);
int network_form_read_time(const json_t *doc, struct network_time *t, struct err *e);
/* The caller's. */
json_t *network_form_write(const struct network *n);
json_t *network_form_write_time(const struct network_time *t);

#endif
