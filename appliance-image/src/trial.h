/*
 * trial: a version that starts for the first time has to become healthy in time, or the one before
 * comes back.
 *
 * Why: whoever updates a gateway that stands elsewhere must not lose it. Owner: the caller, who
 * tells the time and acts. Never: starts the machine again when no other version is left to start.
 */
#ifndef PENSTOCK_IMAGE_TRIAL_H
#define PENSTOCK_IMAGE_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "appliance-image/src/entry.h"

#define TRIAL_S      600 /* from the start of the machine until it has to be healthy */
#define TRIAL_EACH_S 5   /* between two looks */
#define TRIAL_LOOKS  3   /* good ones, one after the other, are enough */

enum trial_verdict { TRIAL_WAIT, TRIAL_PASSED, TRIAL_LOST };

struct trial {
    bool on;
    bool way_back;    /* another version would start */
    unsigned good;    /* looks in a row */
    uint64_t next_s;  /* time of the next look */
    uint64_t until_s; /* lost then */
};

/* running, other: how the two stand at the start; now_s: since the machine started. */
void trial_begin(struct trial *t, enum entry_state running, enum entry_state other, uint64_t now_s,
                 unsigned limit_s);
/* Is it time to look? */
bool trial_due(const struct trial *t, uint64_t now_s);
/* What was seen. PASSED and LOST end the trial. */
enum trial_verdict trial_look(struct trial *t, bool healthy, uint64_t now_s);

#endif
