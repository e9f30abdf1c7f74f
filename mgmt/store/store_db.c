#include "mgmt/store/store_db.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/log.h"

#define VFS "penstock"

/* What each version of the schema adds to the one before; never changed, only added to. */
static const char *const schema[] = {
    "CREATE TABLE revisions(number INTEGER PRIMARY KEY, parent INTEGER NOT NULL, at INTEGER NOT "
    "NULL, actor TEXT NOT NULL, comment TEXT NOT NULL, document TEXT NOT NULL, state TEXT NOT NULL "
    "CHECK(state IN ('staged', 'applied')));"
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY, row TEXT NOT NULL, hash TEXT NOT NULL);"
    "CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); "
    "END;"
    "CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'append-only'); "
    "END;",
    "CREATE TABLE replies(name TEXT PRIMARY KEY, at INTEGER NOT NULL, print TEXT NOT NULL, status "
    "INTEGER NOT NULL, revision INTEGER NOT NULL, tag TEXT NOT NULL, body TEXT NOT NULL);",
};

static int to_errno(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EBADMSG;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return -EACCES;
    default:
        return -EIO;
    }
}

static int fail(sqlite3 *db, int rc, const char *what, struct err *e)
{
    int error = to_errno(rc);
    const char *fix = error == -ENOSPC ? "free disk space in the state directory"
                                       : "see the state directory and its disk";

    return err_set(e, error ? error : -EIO, "store.db", fix, "%s: %s", what,
                   db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

sqlite3_stmt *store_query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *q = NULL;

    if (db && sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
        log_event(LOG_ERROR, "store_failed", "error=\"%s\"", sqlite3_errmsg(db));
    return q;
}

int store_run(sqlite3 *db, sqlite3_stmt *q, const char *what, struct err *e)
{
    int rc = q ? sqlite3_step(q) : SQLITE_ERROR;

    if (rc != SQLITE_DONE)
        fail(db, rc, what, e);
    sqlite3_finalize(q);
    return rc == SQLITE_DONE ? 0 : to_errno(rc) ? to_errno(rc) : -EIO;
}

/* The directory may not be reachable by its whole path any more: names stay relative. */
static int name_as_is(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    (void)vfs;
    return snprintf(out, (size_t)n, "%s", name) < n ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int add_vfs(void)
{
    static sqlite3_vfs relative; /* SQLite keeps it for good */

    if (sqlite3_vfs_find(VFS))
        return SQLITE_OK;
    relative = *sqlite3_vfs_find(NULL);
    relative.zName = VFS;
    relative.pNext = NULL;
    relative.xFullPathname = name_as_is;
    return sqlite3_vfs_register(&relative, 0);
}

static int version_of(sqlite3 *db)
{
    sqlite3_stmt *q = store_query(db, "PRAGMA user_version");
    int v = q && sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int(q, 0) : -1;

    sqlite3_finalize(q);
    return v;
}

static int migrate(sqlite3 *db, struct err *e)
{
    int have = version_of(db), rc = SQLITE_OK;

    if (have > (int)ARRAY_LEN(schema))
        return err_set(e, -EPROTO, "store.db", "install the newer version of Penstock again",
                       "written by a newer version");
    for (int v = have; v < (int)ARRAY_LEN(schema) && rc == SQLITE_OK; v++) {
        char done[64];

        snprintf(done, sizeof done, "PRAGMA user_version = %d; COMMIT", v + 1);
        rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(db, schema[v], NULL, NULL, NULL);
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(db, done, NULL, NULL, NULL);
    }
    return rc == SQLITE_OK && have >= 0 ? 0 : fail(db, rc, "the tables can not be made", e);
}

/* A whole check once, at the start: later a damage would be met in the middle of a change. */
static int check_whole(sqlite3 *db, struct err *e)
{
    sqlite3_stmt *q = store_query(db, "PRAGMA integrity_check(1)");
    bool good = q && sqlite3_step(q) == SQLITE_ROW &&
                !strcmp((const char *)sqlite3_column_text(q, 0), "ok");

    sqlite3_finalize(q);
    return good ? 0 : err_set(e, -EBADMSG, "store.db", "restore it", "the database is damaged");
}

int store_db_open(const char *file, sqlite3 **db, struct err *e)
{
    int rc = add_vfs();

    if (rc == SQLITE_OK)
        rc = sqlite3_open_v2(file, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, VFS);
    if (rc == SQLITE_OK) /* one process: no shared memory, and a second one is told so */
        rc = sqlite3_exec(*db,
                          "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; "
                          "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
                          "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -2000",
                          NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        rc = fail(*db, rc, "the store can not be opened", e);
    if (!rc)
        rc = check_whole(*db, e);
    if (!rc)
        rc = migrate(*db, e);
    if (rc) {
        sqlite3_close(*db);
        *db = NULL;
    }
    return rc;
}
