/*
 * judge: putting every live peer before `verify` again.
 *
 * Why: trust acts at once: after a new revision, and when the clock was set, each live peer's chain
 * is judged under the running revision and sessions of a denied peer end. Owner: the control
 * thread. The judge itself is a handshake process without connections. Never: more than
 * JUDGE_OUTSTANDING questions at a time; takes silence for consent: a peer without an answer keeps
 * its old verdict until the judge is back, and is asked again.
 */
#ifndef PENSTOCK_CORE_JUDGE_H
#define PENSTOCK_CORE_JUDGE_H

#include <stdbool.h>
#include "dataplane/core/gate.h"
#include "dataplane/core/peers.h"

#define JUDGE_OUTSTANDING 64

struct judge {
    int fd; /* -1: none now */
    struct peers *peers;
    struct gate *gate;  /* counted while a run is on; NULL: none */
    struct peer **list; /* counted */
    long n, next, answered;
    long denied;
    bool all;   /* this run asks for every peer, not only those of older revisions */
    bool again; /* another run was asked for meanwhile */
    bool again_all;
};

void judge_init(struct judge *j, struct peers *peers);
void judge_fini(struct judge *j);
/* The judge's channel came; takes fd. A run under way begins anew. */
void judge_attach(struct judge *j, int fd);
/* Judge peers under g's revision. */
void judge_start(struct judge *j, struct gate *g, bool all);
/*
 * Take the answers that came, ask on, and end the run when all are answered (also one that had
 * nothing to ask). Call after every event. True when sessions should look at their peers now (some
 * were denied).
 */
bool judge_step(struct judge *j, struct gate *current);

#endif
