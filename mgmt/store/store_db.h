/*
 * store_db: SQLite as the store wants it.
 *
 * Why: opening, the schema, and the words for what went wrong, in one place. Owner: the store.
 * Never: waits for another process: the store is locked for one.
 */
#ifndef PENSTOCK_MGMT_STORE_STORE_DB_H
#define PENSTOCK_MGMT_STORE_STORE_DB_H

#include <sqlite3.h>
#include "dataplane/base/err.h"

/*
 * Open a file of the working directory, check it, bring the schema up to date. 0, -EBADMSG: it is
 * damaged, or -errno; each with *e.
 */
int store_db_open(const char *file, sqlite3 **db, struct err *e);
/* NULL: the log says why. */
sqlite3_stmt *store_query(sqlite3 *db, const char *sql);
/* Run to its end a statement that gives no rows, and finalize it. 0 or -errno with *e. */
int store_run(sqlite3 *db, sqlite3_stmt *q, const char *what, struct err *e);

#endif
