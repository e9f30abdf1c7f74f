#include "mgmt/store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "mgmt/store/file.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"
#include "mgmt/store/store_db.h"

#define DATABASE     "store.db"
#define RUNNING      "running.json"
#define DOCUMENT_MAX (32u * 1024 * 1024)

/* Settings without which running.json alone would not be enough. */
static const char *const also_kept[] = {"imported", "imported_revision"};

/* ---- the running revision as a file ---- */

static int write_running(struct store *s, const struct store_revision *r)
{
    json_t *document = json_loads(r->document, JSON_REJECT_DUPLICATES, NULL);
    json_t *all = json_pack("{s:I, s:I, s:s, s:o}", "revision", (json_int_t)r->number, "applied_at",
                            (json_int_t)r->at_s, "actor", r->actor, "document", document);
    char *text;
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(also_kept); i++) {
        char *value = store_setting(s, also_kept[i]);

        if (value)
            json_object_set_new(all, also_kept[i], json_string(value));
        free(value);
    }
    text = json_dumps(all, JSON_SORT_KEYS | JSON_INDENT(2));
    rc = text ? file_write(RUNNING, text, strlen(text)) : -ENOMEM;

    free(text);
    json_decref(all);
    return rc;
}

static int load_running(json_t **all)
{
    uint8_t *text;
    size_t n;
    int rc = file_read(RUNNING, DOCUMENT_MAX, &text, &n);

    if (rc)
        return rc;
    *all = json_loadb((const char *)text, n, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    return *all ? 0 : -EBADMSG;
}

static int read_running(struct store_revision *r)
{
    json_t *all, *document;
    const char *actor = "";
    json_int_t number = 0, at = 0;
    int rc = load_running(&all);

    if (rc)
        return rc;
    memset(r, 0, sizeof *r);
    rc = -EBADMSG;
    if (!json_unpack(all, "{s:I, s:I, s:s, s:o}", "revision", &number, "applied_at", &at, "actor",
                     &actor, "document", &document) &&
        number > 0 && json_is_object(document)) {
        r->number = (uint64_t)number;
        r->at_s = at;
        r->actor = strdup(actor);
        r->comment = strdup("");
        r->document = json_dumps(document, JSON_SORT_KEYS | JSON_INDENT(2));
        rc = r->actor && r->comment && r->document ? 0 : -ENOMEM;
    }
    if (rc)
        store_revision_free(r);
    json_decref(all);
    return rc;
}

/* A new database goes on from what the file knows: the revision, and from which file it came. */
static void go_on(struct store *s)
{
    struct store_revision r;
    json_t *all;
    struct err e;

    if (store_last(s) || read_running(&r))
        return;
    if (!store_stage(s, &r, &e) && !load_running(&all)) {
        for (size_t i = 0; i < ARRAY_LEN(also_kept); i++) {
            const char *value = json_string_value(json_object_get(all, also_kept[i]));

            if (value)
                store_set(s, also_kept[i], value);
        }
        json_decref(all);
        (void)store_applied(s, r.number, &e);
    }
    store_revision_free(&r);
}

/* ---- opening ---- */

/* Damaged beyond use: kept for whoever wants to look, and a new one is begun. */
static int put_aside(struct store *s, struct err *e)
{
    char name[64];

    snprintf(s->put_aside, sizeof s->put_aside, DATABASE ".damaged-%" PRId64, (int64_t)time(NULL));
    if (rename(DATABASE, s->put_aside))
        return err_set(e, -errno, DATABASE, "repair or remove it", "damaged, and can not be moved");
    snprintf(name, sizeof name, "%.50s-wal", s->put_aside);
    (void)rename(DATABASE "-wal", name);
    log_event(LOG_ERROR, "store_damaged", "kept_as=%s", s->put_aside);
    return 0;
}

int store_open(struct store *s, struct err *e)
{
    int rc;

    memset(s, 0, sizeof *s);
    rc = store_db_open(DATABASE, &s->db, e);
    if (rc == -EBADMSG) {
        rc = put_aside(s, e);
        if (!rc)
            rc = store_db_open(DATABASE, &s->db, e);
    }
    if (!rc)
        go_on(s);
    return rc;
}

void store_close(struct store *s)
{
    sqlite3_close(s->db);
    s->db = NULL;
}

/* ---- revisions ---- */

static char *column_copy(sqlite3_stmt *q, int i)
{
    const unsigned char *text = sqlite3_column_text(q, i);

    return strdup(text ? (const char *)text : "");
}

int store_stage(struct store *s, const struct store_revision *r, struct err *e)
{
    sqlite3_stmt *q = store_query(
        s->db, "INSERT OR REPLACE INTO revisions(number, parent, at, actor, comment, document, "
               "state) VALUES(?, ?, ?, ?, ?, ?, 'staged')");

    if (q) {
        sqlite3_bind_int64(q, 1, (sqlite3_int64)r->number);
        sqlite3_bind_int64(q, 2, (sqlite3_int64)r->parent);
        sqlite3_bind_int64(q, 3, r->at_s);
        sqlite3_bind_text(q, 4, r->actor, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 5, r->comment, -1, SQLITE_STATIC);
        sqlite3_bind_text(q, 6, r->document, -1, SQLITE_STATIC);
    }
    return store_run(s->db, q, "the revision can not be kept", e);
}

int store_applied(struct store *s, uint64_t number, struct err *e)
{
    struct store_revision r;
    sqlite3_stmt *q = store_query(s->db, "UPDATE revisions SET state = 'applied' WHERE number = ?");
    int rc;

    if (q)
        sqlite3_bind_int64(q, 1, (sqlite3_int64)number);
    rc = store_run(s->db, q, "the revision can not be marked as applied", e);
    if (rc)
        return rc;
    rc = store_get(s, number, &r);
    if (rc)
        return err_set(e, rc, DATABASE, "see the log", "the revision is not in the store");
    rc = write_running(s, &r);
    store_revision_free(&r);
    return rc ? err_set(e, rc, RUNNING,
                        rc == -ENOSPC ? "free disk space" : "see the state directory",
                        "can not be written (%s)", strerror(-rc))
              : 0;
}

void store_refused(struct store *s, uint64_t number)
{
    sqlite3_stmt *q = store_query(s->db,
                                  "DELETE FROM revisions WHERE number = ? AND state = 'staged'");
    struct err e;

    if (q)
        sqlite3_bind_int64(q, 1, (sqlite3_int64)number);
    store_run(s->db, q, "a refused revision can not be forgotten", &e);
}

/* Named by a revision, or by a setting (the candidate). When in doubt, it is. */
static bool is_used(void *arg, const char *ref)
{
    struct store *s = arg;
    sqlite3_stmt *q = store_query(s->db, "SELECT 1 FROM revisions WHERE instr(document, ?1) UNION "
                                         "SELECT 1 FROM settings WHERE instr(value, ?1) LIMIT 1");
    int rc = SQLITE_ERROR;

    if (q) {
        sqlite3_bind_text(q, 1, ref, -1, SQLITE_STATIC);
        rc = sqlite3_step(q);
    }
    sqlite3_finalize(q);
    return rc != SQLITE_DONE;
}

int store_sweep(struct store *s)
{
    return objects_sweep(is_used, s);
}

int store_prune(struct store *s, unsigned keep)
{
    sqlite3_stmt *q = store_query(
        s->db, "DELETE FROM revisions WHERE state = 'applied' AND number NOT IN (SELECT number "
               "FROM revisions WHERE state = 'applied' ORDER BY number DESC LIMIT ?)");
    struct err e;
    int rc;

    if (q)
        sqlite3_bind_int64(q, 1, keep ? keep : 1); /* never what runs */
    rc = store_run(s->db, q, "old revisions can not be forgotten", &e);
    if (!rc)
        rc = store_sweep(s);
    return rc ? rc : keys_sweep(is_used, s);
}

uint64_t store_last(struct store *s)
{
    sqlite3_stmt *q = store_query(s->db,
                                  "SELECT max(number) FROM revisions WHERE state = 'applied'");
    uint64_t n = 0;

    if (q && sqlite3_step(q) == SQLITE_ROW)
        n = (uint64_t)sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

/* One revision of a prepared query: number, parent, at, actor, comment, document. */
static int take_revision(sqlite3_stmt *q, struct store_revision *r)
{
    int rc = q ? sqlite3_step(q) : SQLITE_ERROR;

    if (rc != SQLITE_ROW) {
        sqlite3_finalize(q);
        return rc == SQLITE_DONE ? -ENOENT : -EIO;
    }
    *r = (struct store_revision){.number = (uint64_t)sqlite3_column_int64(q, 0),
                                 .parent = (uint64_t)sqlite3_column_int64(q, 1),
                                 .at_s = sqlite3_column_int64(q, 2),
                                 .actor = column_copy(q, 3),
                                 .comment = column_copy(q, 4),
                                 .document = column_copy(q, 5)};
    sqlite3_finalize(q);
    if (r->actor && r->comment && r->document)
        return 0;
    store_revision_free(r);
    return -ENOMEM;
}

#define COLUMNS "SELECT number, parent, at, actor, comment, document FROM revisions WHERE "

int store_get(struct store *s, uint64_t number, struct store_revision *r)
{
    sqlite3_stmt *q = store_query(s->db, COLUMNS "number = ?");

    if (q)
        sqlite3_bind_int64(q, 1, (sqlite3_int64)number);
    return take_revision(q, r);
}

void store_revision_free(struct store_revision *r)
{
    free(r->actor);
    free(r->comment);
    free(r->document);
    memset(r, 0, sizeof *r);
}

int store_running(struct store *s, struct store_revision *r)
{
    struct store_revision file;
    int in_db = take_revision(
        store_query(s->db, COLUMNS "state = 'applied' ORDER BY number DESC LIMIT 1"), r);
    int in_file = read_running(&file);

    if (in_file && in_file != -ENOENT)
        log_event(LOG_ERROR, "running_unreadable", "file=" RUNNING " error=\"%s\"",
                  strerror(-in_file));
    if (!in_file && (in_db || file.number > r->number)) {
        if (!in_db)
            store_revision_free(r);
        *r = file;
        return 0;
    }
    if (!in_file)
        store_revision_free(&file);
    return !in_db ? 0 : in_db == -ENOENT && in_file == -ENOENT ? -ENOENT : -EBADMSG;
}

json_t *store_list(struct store *s, uint64_t before, unsigned max)
{
    sqlite3_stmt *q = store_query(
        s->db, "SELECT number, parent, at, actor, comment FROM revisions WHERE state = 'applied' "
               "AND (?1 = 0 OR number < ?1) ORDER BY number DESC LIMIT ?2");
    json_t *list = json_array();
    int rc = SQLITE_ERROR;

    if (q) {
        sqlite3_bind_int64(q, 1, (sqlite3_int64)before);
        sqlite3_bind_int64(q, 2, max);
        while ((rc = sqlite3_step(q)) == SQLITE_ROW)
            json_array_append_new(list,
                                  json_pack("{s:I, s:I, s:I, s:s, s:s}", "revision",
                                            (json_int_t)sqlite3_column_int64(q, 0), "parent",
                                            (json_int_t)sqlite3_column_int64(q, 1), "applied_at",
                                            (json_int_t)sqlite3_column_int64(q, 2), "actor",
                                            (const char *)sqlite3_column_text(q, 3), "comment",
                                            (const char *)sqlite3_column_text(q, 4)));
    }
    sqlite3_finalize(q);
    if (rc == SQLITE_DONE)
        return list;
    json_decref(list);
    return NULL;
}

/* ---- settings ---- */

char *store_setting(struct store *s, const char *name)
{
    sqlite3_stmt *q = store_query(s->db, "SELECT value FROM settings WHERE name = ?");
    char *value = NULL;

    if (q)
        sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    if (q && sqlite3_step(q) == SQLITE_ROW)
        value = column_copy(q, 0);
    sqlite3_finalize(q);
    return value;
}

int store_set(struct store *s, const char *name, const char *value)
{
    sqlite3_stmt *q = store_query(
        s->db, value ? "INSERT OR REPLACE INTO settings(name, value) VALUES(?1, ?2)"
                     : "DELETE FROM settings WHERE name = ?1");
    struct err e;

    if (q)
        sqlite3_bind_text(q, 1, name, -1, SQLITE_STATIC);
    if (q && value)
        sqlite3_bind_text(q, 2, value, -1, SQLITE_STATIC);
    return store_run(s->db, q, "a setting can not be kept", &e);
}

int store_set_imported(struct store *s, const char *hash, uint64_t revision)
{
    sqlite3_stmt *q = store_query(s->db, "INSERT OR REPLACE INTO settings(name, value) VALUES "
                                         "('imported', ?1), ('imported_revision', ?2)");
    char number[32];
    struct err e;

    snprintf(number, sizeof number, "%" PRIu64, revision);
    if (q)
        sqlite3_bind_text(q, 1, hash, -1, SQLITE_STATIC);
    if (q)
        sqlite3_bind_text(q, 2, number, -1, SQLITE_STATIC);
    return store_run(s->db, q, "what was imported can not be kept", &e);
}
