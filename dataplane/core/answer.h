/*
 * answer: a worker's end of the query channel.
 *
 * Why: an operator's look at sessions is answered from the worker's own tables, a bounded page at a
 * time, between two events. Owner: one worker. Never: walks more than one page of sessions for one
 * question.
 */
#ifndef PENSTOCK_CORE_ANSWER_H
#define PENSTOCK_CORE_ANSWER_H

#include "dataplane/core/worker.h"

/* Answer what waits on the channel. False when it is dead and should be dropped. */
bool answer_query(struct worker *w, int fd);

#endif
