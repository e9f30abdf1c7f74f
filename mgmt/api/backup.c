/* backup: all that is configured as one encrypted file, and such a file as a revision. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/passphrase.h"
#include "mgmt/api/upload.h"
#include "mgmt/backup/make.h"
#include "mgmt/backup/restore.h"
#include "mgmt/store/audit.h"

#define BLOCK (64u * 1024)

/* The request's passphrase; 0: answered. */
static size_t want_passphrase(struct call *c, uint8_t mem[PASSPHRASE_ROOM])
{
    int n = passphrase_read(c, mem);

    if (n == 0)
        call_problem(c, 400, "Bad Request",
                     "give the backup's passphrase in " PASSPHRASE_HEADER " (base64)");
    return n > 0 ? (size_t)n : 0;
}

/* What the vault or the file says is a matter of what was given, not of this server. */
static void refuse(struct call *c, int rc, const struct err *e)
{
    call_refuse(c, rc == -EACCES || rc == -EEXIST ? -EINVAL : rc, e);
}

/* ---- making one ---- */

static ssize_t read_file(void *arg, uint64_t pos, char *out, size_t max)
{
    ssize_t n = backup_read(arg, out, max);

    (void)pos;
    if (n < 0)
        log_event(LOG_ERROR, "backup_broken_off", "error=\"what it names can not be read\"");
    return n > 0    ? n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_file(void *arg)
{
    backup_free(arg);
}

/* Before a byte of it is out. */
static int note(struct call *c, const struct backup *b, struct err *e)
{
    json_t *detail = json_pack("{s:I}", "keys", (json_int_t)backup_keys(b));
    const struct audit_row row = {.actor = c->who.name,
                                  .action = "backup.make",
                                  .object = "configuration",
                                  .result = "done",
                                  .revision = c->m->revision,
                                  .detail = detail};
    int rc = audit_add(&c->m->store, &row, e);

    json_decref(detail);
    return rc;
}

static void on_backup(void *arg, struct backup *b, int rc, const struct err *e)
{
    struct call *c = arg;
    struct err why;

    if (!rc) {
        e = &why;
        rc = note(c, b, &why);
    }
    if (!rc) {
        c->made = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_file, b,
                                                    free_file);
        if (!c->made)
            rc = err_set(&why, -ENOMEM, "/", "free memory", "out of memory");
    }
    if (!rc) {
        call_answer(c, 200, NULL);
        c->type = "application/octet-stream";
        c->revision = c->m->revision;
    } else {
        backup_free(b);
        refuse(c, rc, e);
    }
    call_done(c);
}

void backup_post(struct call *c)
{
    uint8_t passphrase[PASSPHRASE_ROOM];
    size_t n = want_passphrase(c, passphrase);
    struct err e;
    int rc;

    if (!n)
        return;
    c->waits = true;
    rc = backup_begin(c->m, passphrase, n, on_backup, c, &e);
    secret_wipe(passphrase, sizeof passphrase);
    if (!rc)
        return;
    c->waits = false;
    refuse(c, rc, &e);
}

/* ---- restoring one ---- */

static void wake(void *arg)
{
    upload_wake(arg);
}

static json_t *result_json(const struct restore_result *what)
{
    json_t *out = json_pack("{s:O?, s:I}", "backup", what->manifest, "keys",
                            (json_int_t)what->keys);

    if (!what->trial) {
        json_object_set_new(out, "revision", json_integer((json_int_t)what->revision));
        return out;
    }
    json_object_set_new(out, "dry_run", json_true());
    json_object_set(out, "warnings", what->trial->warnings);
    json_object_set(out, "cuts", what->trial->cuts);
    return out;
}

static void on_restored(void *arg, int rc, const struct restore_result *what, const struct err *e)
{
    struct call *c = arg;

    c->restore = NULL;
    if (rc) {
        refuse(c, rc, e);
    } else {
        call_answer(c, 200, result_json(what));
        if (what->trial)
            json_object_set_new(c->answer, "changes",
                                document_diff(c->m->document, what->trial->document));
        c->revision = what->revision;
    }
    wake(c);
}

void backup_restore(struct call *c)
{
    struct restore_wish w = {.actor = c->who.name, .done = on_restored, .wake = wake, .arg = c};
    uint8_t passphrase[PASSPHRASE_ROOM];
    bool good, also;
    struct err e;
    size_t n;

    w.dry_run = call_flag(c, "dry_run", &good);
    w.administrators = good && call_flag(c, "administrators", &also);
    if (!good || !also)
        return;
    n = want_passphrase(c, passphrase);
    if (!n)
        return;
    c->restore = restore_begin(c->m, &w, passphrase, n, &e);
    secret_wipe(passphrase, sizeof passphrase);
    if (!c->restore)
        refuse(c, c->m->backup_busy ? -EBUSY : -ENOMEM, &e);
}

static size_t take(struct call *c, const char *data, size_t n)
{
    size_t taken = 0;

    while (taken < n && c->restore) {
        size_t now = restore_feed(c->restore, data + taken, n - taken);

        if (!now)
            break;
        taken += now;
    }
    return taken;
}

static bool end(struct call *c)
{
    return !c->restore || restore_end(c->restore);
}

static void drop(struct call *c)
{
    if (c->restore)
        restore_drop(c->restore);
    c->restore = NULL;
}

const struct upload backup_upload = {take, end, drop};
