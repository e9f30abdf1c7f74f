#include "mgmt/store/replies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/store/store_db.h"

static char *text_of(sqlite3_stmt *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q, column);

    return strdup(text ? (const char *)text : "");
}

int replies_get(struct store *s, const char *name, int64_t now_s, struct reply *r)
{
    sqlite3_stmt *q = store_query(s->db, "SELECT print, status, revision, tag, body FROM replies "
                                         "WHERE name = ? AND at > ?");
    int rc = -ENOENT;

    memset(r, 0, sizeof *r);
    if (!q)
        return rc;
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, now_s - REPLIES_S);
    if (sqlite3_step(q) == SQLITE_ROW) {
        snprintf(r->print, sizeof r->print, "%s", (const char *)sqlite3_column_text(q, 0));
        r->status = (unsigned)sqlite3_column_int(q, 1);
        r->revision = (uint64_t)sqlite3_column_int64(q, 2);
        r->tag = text_of(q, 3);
        r->body = text_of(q, 4);
        rc = r->tag && r->body ? 0 : -ENOMEM;
    }
    sqlite3_finalize(q);
    if (rc)
        reply_free(r);
    return rc;
}

static void forget(struct store *s, int64_t now_s)
{
    sqlite3_stmt *q = store_query(
        s->db, "DELETE FROM replies WHERE at <= ? OR name NOT IN "
               "(SELECT name FROM replies ORDER BY at DESC, rowid DESC LIMIT ?)");
    struct err e;

    if (!q)
        return;
    sqlite3_bind_int64(q, 1, now_s - REPLIES_S);
    sqlite3_bind_int(q, 2, REPLIES_MAX - 1);
    store_run(s->db, q, "old answers can not be forgotten", &e);
}

int replies_put(struct store *s, const char *name, int64_t now_s, const struct reply *r)
{
    sqlite3_stmt *q;
    struct err e;

    forget(s, now_s);
    q = store_query(s->db, "INSERT OR REPLACE INTO replies(name, at, print, status, revision, tag, "
                           "body) VALUES(?, ?, ?, ?, ?, ?, ?)");
    if (!q)
        return -EIO;
    sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, now_s);
    sqlite3_bind_text(q, 3, r->print, -1, SQLITE_STATIC);
    sqlite3_bind_int(q, 4, (int)r->status);
    sqlite3_bind_int64(q, 5, (sqlite3_int64)r->revision);
    sqlite3_bind_text(q, 6, r->tag ? r->tag : "", -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 7, r->body ? r->body : "", -1, SQLITE_STATIC);
    return store_run(s->db, q, "an answer can not be kept", &e);
}

void reply_free(struct reply *r)
{
    free(r->tag);
    free(r->body);
    memset(r, 0, sizeof *r);
}
