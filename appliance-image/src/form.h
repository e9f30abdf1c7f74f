/*
 * form: the lines that a person at the console fills in for a network, as settings.
 *
 * Why: who can reach nothing yet has to give an address; so one way to the management port is
 * enough here (an interface, or a bond of some, or a VLAN on either), and all else is REST's. What
 * comes out is judged as REST's is. Owner: plain values. Never: guesses what was meant.
 */
#ifndef PENSTOCK_IMAGE_FORM_H
#define PENSTOCK_IMAGE_FORM_H

#include "dataplane/base/err.h"
#include "dataplane/wire/network.h"

#define FORM_LINE_MAX 80

enum form_field {
    FORM_DEVICES,
    FORM_VLAN,
    FORM_ADDRESS,
    FORM_GATEWAY,
    FORM_DNS,
    FORM_TIME,
    FORM_FIELDS
};

struct form {
    char values[FORM_FIELDS][FORM_LINE_MAX + 1];
};

/* What each line is, and how it may look. */
extern const struct form_line {
    const char *name, *hint;
} form_lines[FORM_FIELDS];

/* 0, or -EINVAL with *e, whose place is the line's name. No server of the time: t->n is 0. */
int form_read(const struct form *f, struct network *n, struct network_time *t, struct err *e);

#endif
