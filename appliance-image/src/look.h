/*
 * look: finds out what the console shows.
 *
 * Why: the sources are five (the gateway, its token file, penstock-system, penstock-first, the
 * kernel), and none of them may keep the screen from being drawn: what does not answer is shown as
 * such. Owner: the caller. Never: waits longer than local.h and helper.h do.
 */
#ifndef PENSTOCK_IMAGE_LOOK_H
#define PENSTOCK_IMAGE_LOOK_H

#include "appliance-image/src/screen.h"

struct look {
    const char *state;  /* the gateway's directory; the token's file is mgmt/bootstrap in it */
    const char *helper; /* penstock-system's socket */
    const char *first;  /* file: what came of the first configuration; may be missing */
};

/* Fill all of *s but the news. */
void look_all(const struct look *l, struct screen *s);

#endif
