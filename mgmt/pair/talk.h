/*
 * talk: what partners tell each other, how it is asked for, and what is made of it.
 *
 * Why: an answer waits for news (a long poll), so that a change is there at once, and one session
 * is enough for ten seconds. Owner: the manager. Never: believes a partner that speaks another
 * format.
 */
#ifndef PENSTOCK_MGMT_PAIR_TALK_H
#define PENSTOCK_MGMT_PAIR_TALK_H

#include "mgmt/pair/pair.h"

/* Ask the partner, answer those of its requests that have waited long enough. */
void talk_tick(struct manager *m, uint64_t now_ms);
/* What is known of both sides: say so, and take the partner's configuration if it is newer. */
void talk_judge(struct manager *m);

#endif
