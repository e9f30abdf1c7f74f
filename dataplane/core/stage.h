/*
 * stage: a revision between ATTACH and COMMIT in the data plane.
 *
 * Why: everything that could refuse a revision is tried before it counts; after COMMIT nothing can
 * fail but memory. Owner: the control thread. Never: lets a link start without the engine it
 * requires.
 */
#ifndef PENSTOCK_CORE_STAGE_H
#define PENSTOCK_CORE_STAGE_H

#include "dataplane/core/control.h"

void stage_init(struct staged *s);
void stage_clear(struct staged *s); /* forget everything, close what is left */
/* Take one attached descriptor (also on failure). 0 or -errno. */
int stage_attach(struct staged *s, const struct control_attach *a, int fd);
/* Decode and check the whole. 0, or -errno with *e for the operator. */
int stage_prepare(struct staged *s, struct shared *shared, uint64_t revision, struct err *e);
/* The NOTE_SWAP of one worker; takes that worker's listeners out. NULL when out of memory. */
struct note *stage_note(struct staged *s, unsigned worker, unsigned n_workers);

#endif
