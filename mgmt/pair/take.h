/*
 * take: the partner's configuration, from its document to a revision of ours.
 *
 *   GET partner/document -> what objects are not here -> GET partner/objects/X ... -> merged with
 *   what is our own -> the way of every change (coming.h)
 *
 * Why: certificates, anchors and lists are named by their hashes: what came is what was named, or
 * it is not kept. Owner: the manager. Never: runs anything before all of it is here.
 */
#ifndef PENSTOCK_MGMT_PAIR_TAKE_H
#define PENSTOCK_MGMT_PAIR_TAKE_H

#include "mgmt/pair/pair.h"

/* Begin, if nothing is under way. forced: in place of whatever there is. */
void take_begin(struct manager *m, const char *actor, bool forced);

#endif
