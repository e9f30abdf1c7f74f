/*
 * change: takes one revision from "mgmt was asked" to "every process runs it", in two phases.
 *
 *   IDLE -> LOADING -> PREPARING -> COMMITTING -> SWITCHING -> IDLE
 *               |          |
 *               +----------+--> IDLE     refused or failed: ABORT, the old one runs on
 *
 *   LOADING     mgmt compiles; its ATTACHes are collected; it ends with APPLY or REJECT
 *   PREPARING   listeners are bound, every child that serves is given the revision and votes
 *   COMMITTING  past the point of no return: it is the running one; keyring and handshakes commit
 *   SWITCHING   the data plane commits, and with it new sessions are on the new revision
 *
 * Why: a bad configuration changes nothing, whichever process finds out. After the point of no
 * return nothing can refuse: who dies is given the new revision when it is back (resume_*).
 * Owner: the launcher's one thread; change owns the three revisions. Never: waits; it is told what
 * came (change_*), and change_tick() moves it on. Results are taken with change_take_outcome().
 */
#ifndef PENSTOCK_LAUNCHER_CHANGE_H
#define PENSTOCK_LAUNCHER_CHANGE_H

#include <stdbool.h>
#include "mgmt/launcher/files.h"
#include "mgmt/launcher/fleet.h"
#include "mgmt/launcher/holding.h"

#define CHANGE_LOAD_MS    120000 /* for mgmt to compile */
#define CHANGE_PREPARE_MS 20000
#define CHANGE_COMMIT_MS  20000 /* then laggards are killed, which ends their wait */

enum change_phase {
    CHANGE_IDLE,
    CHANGE_LOADING,
    CHANGE_PREPARING,
    CHANGE_COMMITTING,
    CHANGE_SWITCHING,
    CHANGE_PHASES
};

enum outcome_kind {
    OUTCOME_NONE,
    OUTCOME_APPLIED,
    OUTCOME_REFUSED, /* somebody judged it: the operator has to change something */
    OUTCOME_FAILED   /* nobody judged it: a process died or did not answer */
};

struct change_outcome {
    enum outcome_kind kind;
    uint64_t revision;
    struct err err; /* REFUSED, FAILED */
};

struct change {
    enum change_phase phase;
    struct fleet *fleet;
    struct files *files;
    struct holding *running, *pending, *prior;
    uint64_t next_revision;
    uint64_t deadline_ms; /* of the phase */
    struct change_outcome outcome;
    bool begins_engine; /* the pending revision is the first to have a DPDK engine that runs */
};

void change_init(struct change *a, struct fleet *f, struct files *files);
void change_fini(struct change *a);
/* Close the launcher's share of all listening sockets; nothing may be applied after that. */
void change_stop_listening(struct change *a);

/*
 * Have mgmt compile a configuration text as the next revision. Takes text_fd. name is the file's
 * name for messages. Only when IDLE and mgmt is READY (checked).
 */
void change_load(struct change *a, const char *name, int text_fd, uint64_t now_ms);
/*
 * What mgmt sent. ATTACH and APPLY of a revision that was not asked for open a change of mgmt's own
 * (addresses that moved) if we are IDLE and its number is new; else it is refused. fd stays the
 * caller's, -1 for a key. 0, or -EPROTO: the message is illegal.
 */
int change_attach(struct change *a, const struct control_attach *m, int fd, uint64_t now_ms);
int change_start(struct change *a, uint64_t revision, uint64_t now_ms);
void change_reject(struct change *a, const struct control_refused *m);
/* Votes of children. 0, or -EPROTO: never asked for. Answers to what was aborted are dropped. */
int change_prepared(struct change *a, struct child *c, uint64_t revision, uint64_t now_ms);
int change_refused(struct change *a, struct child *c, const struct control_refused *m);
int change_committed(struct change *a, struct child *c, uint64_t revision, uint64_t now_ms);
/*
 * The DPDK data plane can not be brought up. True if that was for the change under way alone, which
 * is refused with this reason.
 */
bool change_engine_failed(struct change *a, const struct err *e);
/* c (mgmt too) was reaped; call before its stage is changed. */
void change_child_died(struct change *a, const struct child *c, uint64_t now_ms);
/* Ask those who became ready, count votes, keep deadlines. Call after anything has happened. */
void change_tick(struct change *a, uint64_t now_ms);
/* True and *o, once for each change that ended. */
bool change_take_outcome(struct change *a, struct change_outcome *o);

#endif
