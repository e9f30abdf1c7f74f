/*
 * store: revisions and the audit trail, in SQLite, and the running revision as a plain file.
 *
 * Why: what was configured, by whom and when, must outlive every process and be proved later; and
 * the gateway must start even when the database does not open. Owner: the manager; the working
 * directory is the store's. Everything is written before it counts (WAL, synchronous FULL).
 * Never: holds a private key in clear; loses an audit row.
 *
 *   store.db         revisions, audit, settings      a damaged one is put aside, a new one begun
 *   running.json     the running revision, canonical: number and document
 *   objects/         what documents refer to (objects.h)
 */
#ifndef PENSTOCK_MGMT_STORE_STORE_H
#define PENSTOCK_MGMT_STORE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"

struct sqlite3;

struct store {
    struct sqlite3 *db;
    char put_aside[64]; /* the damaged database's new name, or empty */
};

struct store_revision {
    uint64_t number, parent; /* parent 0: none */
    int64_t at_s;            /* when it was applied */
    char *actor, *comment, *document;
};

/* Open or begin, in the working directory. 0 or -errno with *e. */
int store_open(struct store *s, struct err *e);
void store_close(struct store *s); /* harmless when it is not open */

/*
 * Stage a revision before anything is asked to run it (-ENOSPC: the disk is full), and say what
 * came of it: applied (it is the running one: running.json follows) or not (it is forgotten).
 */
int store_stage(struct store *s, const struct store_revision *r, struct err *e);
int store_applied(struct store *s, uint64_t number, struct err *e);
void store_refused(struct store *s, uint64_t number);

/*
 * Forget all but the newest `keep` revisions, and every object that neither they nor a setting
 * name. 0 or -errno: what could not be forgotten stays.
 */
int store_prune(struct store *s, unsigned keep);
/* Forget the objects alone that nothing names. */
int store_sweep(struct store *s);
/* The highest number ever given; 0: none. */
uint64_t store_last(struct store *s);
/* 0 and *r (store_revision_free() it), -ENOENT. */
int store_get(struct store *s, uint64_t number, struct store_revision *r);
void store_revision_free(struct store_revision *r);
/*
 * Revisions below `before` (0: from the newest), newest first, at most `max`, as a JSON array
 * without their documents. NULL: out of memory, or the database failed.
 */
json_t *store_list(struct store *s, uint64_t before, unsigned max);

/*
 * The running revision: of the database, or of running.json where that knows more. 0 and *r,
 * -ENOENT: there is none yet, -EBADMSG: both are unreadable.
 */
int store_running(struct store *s, struct store_revision *r);

/* A setting by name; the caller frees it; NULL: not set. Setting NULL removes it. */
char *store_setting(struct store *s, const char *name);
int store_set(struct store *s, const char *name, const char *value);
/*
 * Which file was imported last (its hash) and as which revision: both or neither, or a crash in
 * between would have the next start take an old file for news. 0 or -errno.
 */
int store_set_imported(struct store *s, const char *hash, uint64_t revision);

#endif
