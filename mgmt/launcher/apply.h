/*
 * apply: takes one revision from "mgmt was asked" to "every process runs it", in two phases.
 *
 *   IDLE -> LOADING -> PREPARING -> COMMITTING -> SWITCHING -> IDLE
 *               \__________\___________________________________/   refused: ABORT, the old one runs
 *
 *   LOADING     mgmt compiles; its ATTACHes are collected; it ends with APPLY or REJECT
 *   PREPARING   listeners are bound, every child that serves is given the revision and votes
 *   COMMITTING  past the point of no return: it is the running one; keyring and handshakes commit
 *   SWITCHING   the data plane commits, and with it new sessions are on the new revision
 *
 * Why: a bad configuration changes nothing, whichever process finds out. After the point of no
 * return nothing can refuse: who dies is given the new revision when it is back (resume_*).
 * Owner: the launcher's one thread; apply owns the three revisions. Never: waits; it is told what
 * came (apply_*), and apply_tick() moves it on. Results are taken with apply_take_outcome().
 */
#ifndef PENSTOCK_LAUNCHER_APPLY_H
#define PENSTOCK_LAUNCHER_APPLY_H

#include <stdbool.h>
#include "mgmt/launcher/files.h"
#include "mgmt/launcher/fleet.h"
#include "mgmt/launcher/revision.h"

#define APPLY_LOAD_MS    120000 /* for mgmt to compile */
#define APPLY_PREPARE_MS 20000
#define APPLY_COMMIT_MS  20000 /* then laggards are killed, which ends their wait */

enum apply_phase {
    APPLY_IDLE,
    APPLY_LOADING,
    APPLY_PREPARING,
    APPLY_COMMITTING,
    APPLY_SWITCHING,
    APPLY_PHASES
};

enum outcome_kind {
    OUTCOME_NONE,
    OUTCOME_APPLIED,
    OUTCOME_REFUSED, /* somebody judged it: the operator has to change something */
    OUTCOME_FAILED   /* nobody judged it: a process died or did not answer */
};

struct apply_outcome {
    enum outcome_kind kind;
    uint64_t revision;
    struct err err; /* REFUSED, FAILED */
};

struct apply {
    enum apply_phase phase;
    struct fleet *fleet;
    struct files *files;
    struct revision *running, *pending, *prior;
    uint64_t next_revision;
    uint64_t deadline_ms; /* of the phase */
    struct apply_outcome outcome;
};

void apply_init(struct apply *a, struct fleet *f, struct files *files);
void apply_fini(struct apply *a);
/* Close the launcher's share of all listening sockets; nothing may be applied after that. */
void apply_stop_listening(struct apply *a);

/*
 * Have mgmt compile a configuration text as the next revision. Takes text_fd. name is the file's
 * name for messages. Only when IDLE and mgmt is READY (checked).
 */
void apply_load(struct apply *a, const char *name, int text_fd, uint64_t now_ms);
/*
 * What mgmt sent. ATTACH and APPLY of a revision that was not asked for open a change of mgmt's own
 * (addresses that moved) if we are IDLE and its number is new; else it is refused. fd stays the
 * caller's, -1 for a key. 0, or -EPROTO: the message is illegal.
 */
int apply_attach(struct apply *a, const struct control_attach *m, int fd, uint64_t now_ms);
int apply_start(struct apply *a, uint64_t revision, uint64_t now_ms);
void apply_reject(struct apply *a, const struct control_refused *m);
/* Votes of children. 0, or -EPROTO: never asked for. Answers to what was aborted are dropped. */
int apply_prepared(struct apply *a, struct child *c, uint64_t revision, uint64_t now_ms);
int apply_refused(struct apply *a, struct child *c, const struct control_refused *m);
int apply_committed(struct apply *a, struct child *c, uint64_t revision, uint64_t now_ms);
/* c (mgmt too) was reaped; call before its stage is changed. */
void apply_child_died(struct apply *a, const struct child *c, uint64_t now_ms);
/* Ask those who became ready, count votes, keep deadlines. Call after anything has happened. */
void apply_tick(struct apply *a, uint64_t now_ms);
/* True and *o, once for each change that ended. */
bool apply_take_outcome(struct apply *a, struct apply_outcome *o);

#endif
