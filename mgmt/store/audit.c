#include "mgmt/store/audit.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "mgmt/store/objects.h"
#include "mgmt/store/store_db.h"

#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

static void time_text(char out[32])
{
    struct timespec now;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* The newest row's number and hash. 0 or -EIO. */
static int last_row(struct store *s, sqlite3_int64 *seq, char hash[65])
{
    sqlite3_stmt *q = store_query(s->db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
    int rc = q ? sqlite3_step(q) : SQLITE_ERROR;

    *seq = 0;
    memcpy(hash, NO_HASH, 65);
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(q, 1);

        *seq = sqlite3_column_int64(q, 0);
        if (text && strlen(text) == 64)
            memcpy(hash, text, 65);
    }
    sqlite3_finalize(q);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -EIO;
}

static json_t *row_json(const struct audit_row *row, sqlite3_int64 seq, const char *before)
{
    char at[32];

    time_text(at);
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:O?, s:s}", "seq", (json_int_t)seq, "at",
                     at, "actor", row->actor, "action", row->action, "object", row->object,
                     "result", row->result, "revision", (json_int_t)row->revision, "detail",
                     row->detail, "before", before);
}

int audit_add(struct store *s, const struct audit_row *row, struct err *e)
{
    char before[65], hash[65], *text = NULL;
    sqlite3_stmt *q = NULL;
    sqlite3_int64 seq;
    json_t *json;
    int rc = last_row(s, &seq, before);

    json = rc ? NULL : row_json(row, seq + 1, before);
    text = json ? json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(json);
    if (text) {
        objects_hash(text, strlen(text), hash);
        q = store_query(s->db, "INSERT INTO audit(seq, row, hash) VALUES(?, ?, ?)");
    }
    if (q) {
        sqlite3_bind_int64(q, 1, seq + 1);
        sqlite3_bind_text(q, 2, text, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 3, hash, -1, SQLITE_STATIC);
    }
    rc = store_run(s->db, q, "the audit trail can not be written", e);
    free(text);
    return rc;
}

/* The rows of a query with a number and a count to bind. */
static json_t *rows_of(sqlite3_stmt *q, uint64_t number, unsigned max)
{
    json_t *list = json_array();
    int rc = SQLITE_ERROR;

    if (q) {
        sqlite3_bind_int64(q, 1, (sqlite3_int64)number);
        sqlite3_bind_int64(q, 2, max);
        while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
            json_t *row = json_loads((const char *)sqlite3_column_text(q, 0), 0, NULL);

            if (!row)
                row = json_pack("{s:s}", "damaged", (const char *)sqlite3_column_text(q, 0));
            json_object_set_new(row, "hash", json_string((const char *)sqlite3_column_text(q, 1)));
            json_array_append_new(list, row);
        }
    }
    sqlite3_finalize(q);
    if (rc == SQLITE_DONE)
        return list;
    json_decref(list);
    return NULL;
}

json_t *audit_list(struct store *s, uint64_t before, unsigned max)
{
    return rows_of(
        store_query(s->db, "SELECT row, hash FROM audit WHERE ?1 = 0 OR seq < ?1 ORDER BY seq DESC "
                           "LIMIT ?2"),
        before, max);
}

json_t *audit_after(struct store *s, uint64_t after, unsigned max)
{
    return rows_of(
        store_query(s->db, "SELECT row, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2"),
        after, max);
}

/* Is this row the one that follows n rows whose last hash is given? */
static bool row_holds(const char *text, const char *kept, uint64_t n, const char *before)
{
    json_t *row = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *named = "";
    json_int_t seq = 0;
    char hash[65];
    bool good;

    objects_hash(text, strlen(text), hash);
    good = row && !json_unpack(row, "{s:I, s:s}", "seq", &seq, "before", &named) &&
           (uint64_t)seq == n + 1 && !strcmp(named, before) && !strcmp(hash, kept);
    json_decref(row);
    return good;
}

int audit_verify(struct store *s, uint64_t *n, char hash[65])
{
    sqlite3_stmt *q = store_query(s->db, "SELECT row, hash FROM audit ORDER BY seq");
    int rc = q ? 0 : -EIO, step = SQLITE_DONE;

    *n = 0;
    memcpy(hash, NO_HASH, 65);
    while (!rc && (step = sqlite3_step(q)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(q, 0);
        const char *kept = (const char *)sqlite3_column_text(q, 1);

        if (!text || !kept || !row_holds(text, kept, *n, hash)) {
            rc = -EBADMSG;
            break;
        }
        memcpy(hash, kept, 65);
        ++*n;
    }
    sqlite3_finalize(q);
    return rc ? rc : step == SQLITE_DONE ? 0 : -EIO;
}
