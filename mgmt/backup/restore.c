#include "mgmt/backup/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "mgmt/authority.h"
#include "mgmt/backup/reader.h"
#include "mgmt/backup/refs.h"
#include "mgmt/store/audit.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"

#define FIX_FILE "take another backup"

enum stage {
    HEAD,     /* its bytes come */
    DERIVING, /* the vault works */
    BODY,
    WRAPPING, /* all of the file is here and proven; the vault works on its keys */
    PROPOSED, /* the processes are asked */
};

struct restore {
    struct manager *m;
    struct restore_wish wish;
    char actor[300];
    enum stage stage;
    bool dropped; /* whoever asked has gone; the vault or the launcher has not answered yet */
    uint8_t passphrase[VAULT_PASSPHRASE_MAX], head[BACKUP_HEAD], sealed[VAULT_SEALED_MAX];
    size_t n_passphrase, n_head, n_sealed;
    struct reader *reader;

    json_t *manifest, *document, *authority;
    json_t *keys; /* files as the backup has them, then as they are kept here; `at` is the next */
    size_t at;
    json_t *before; /* by reference: the key file that was there, or null */
};

/* ---- its end ---- */

/* What was kept for a revision that did not come to be. */
static void take_back(struct restore *r)
{
    const char *ref;
    json_t *file;

    json_object_foreach(r->before, ref, file)
    {
        if (keys_save(ref, json_is_null(file) ? NULL : file))
            log_event(LOG_WARN, "restore_left_key", "key=%s", ref);
    }
    json_object_clear(r->before);
    if (store_sweep(&r->m->store))
        log_event(LOG_WARN, "store_not_pruned", "after=restore");
}

static void forget(struct restore *r)
{
    r->m->backup_busy = false;
    if (r->reader)
        reader_fini(r->reader);
    free(r->reader);
    json_decref(r->manifest);
    json_decref(r->document);
    json_decref(r->authority);
    json_decref(r->keys);
    json_decref(r->before);
    secret_wipe(r->passphrase, sizeof r->passphrase);
    free(r);
}

/* A guess at the passphrase is something to know of as well. */
static void note_refused(struct restore *r, const struct err *e)
{
    char text[1100];
    json_t *why = json_string(err_text(e, text, sizeof text));
    const struct audit_row row = {.actor = r->actor,
                                  .action = r->wish.dry_run ? "backup.try" : "backup.restore",
                                  .object = "configuration",
                                  .result = "refused",
                                  .detail = why};
    struct err failed;

    if (audit_add(&r->m->store, &row, &failed))
        log_event(LOG_ERROR, "audit_failed", "error=\"%s\"", err_text(&failed, text, sizeof text));
    json_decref(why);
}

static void end(struct restore *r, int rc, const struct restore_result *what, const struct err *e)
{
    if (rc)
        take_back(r);
    if (!r->dropped)
        r->wish.done(r->wish.arg, rc, what, e);
    forget(r);
}

/* Before it was proposed: coming_ended() notes what came of one that was. */
static void refuse(struct restore *r, int rc, const struct err *e)
{
    note_refused(r, e);
    end(r, rc, NULL, e);
}

void restore_drop(struct restore *r)
{
    if (r->stage == HEAD || r->stage == BODY) {
        take_back(r);
        forget(r);
    } else {
        r->dropped = true;
    }
}

struct restore *restore_begin(struct manager *m, const struct restore_wish *w,
                              const uint8_t *passphrase, size_t n, struct err *e)
{
    struct restore *r = NULL;

    if (m->backup_busy) {
        err_set(e, -EBUSY, "/", "try again in a moment", "another backup is made or restored");
        return NULL;
    }
    if (!m->store.db || !(r = calloc(1, sizeof *r)) ||
        !(r->reader = calloc(1, sizeof *r->reader))) {
        err_set(e, m->store.db ? -ENOMEM : -EIO, "/", "free memory, or see the log",
                m->store.db ? "out of memory" : "the store does not open");
        free(r);
        return NULL;
    }
    m->backup_busy = true;
    r->m = m;
    r->wish = *w;
    snprintf(r->actor, sizeof r->actor, "%s", w->actor);
    memcpy(r->passphrase, passphrase, n);
    r->n_passphrase = n;
    r->keys = json_array();
    r->before = json_object();
    return r;
}

/* ---- what the file holds ---- */

static int damaged(struct err *e, const char *what)
{
    return err_set(e, -EBADMSG, "", FIX_FILE, "the backup's %s can not be read", what);
}

static int take_json(json_t **into, const uint8_t *body, size_t n, const char *what, struct err *e)
{
    *into = json_loadb((const char *)body, n, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(*into) ? 0 : damaged(e, what);
}

static int take_authority(struct restore *r, const uint8_t *body, size_t n, struct err *e)
{
    int rc = take_json(&r->authority, body, n, "list of administrators", e);

    if (!rc && !authority_is_sound(r->authority))
        rc = damaged(e, "list of administrators");
    json_object_del(r->authority, "token");
    return rc;
}

static int take_object(const uint8_t *body, size_t n, struct err *e)
{
    char ref[OBJECTS_REF_MAX];
    int rc = n ? objects_put(body, n, ref) : -EBADMSG;

    if (rc == -EBADMSG)
        return damaged(e, "certificates and lists");
    return rc ? err_set(e, rc, "/", "free disk space in the state directory",
                        "what the backup holds can not be kept (%s)", strerror(-rc))
              : 0;
}

static int take_key(struct restore *r, const uint8_t *body, size_t n, struct err *e)
{
    json_t *file = NULL;
    int rc = take_json(&file, body, n, "keys", e);

    if (!rc && (!json_is_string(json_object_get(file, "spki")) ||
                !json_is_string(json_object_get(file, "wrapped")) ||
                !json_is_string(json_object_get(file, "origin"))))
        rc = damaged(e, "keys");
    if (!rc)
        json_array_append(r->keys, file);
    json_decref(file);
    return rc;
}

static int take(void *arg, enum records_kind kind, const uint8_t *body, size_t n, struct err *e)
{
    struct restore *r = arg;

    switch (kind) {
    case RECORDS_MANIFEST:
        return take_json(&r->manifest, body, n, "manifest", e);
    case RECORDS_DOCUMENT:
        return take_json(&r->document, body, n, "configuration", e);
    case RECORDS_AUTHORITY:
        return take_authority(r, body, n, e);
    case RECORDS_OBJECT:
        return take_object(body, n, e);
    case RECORDS_KEY:
        return take_key(r, body, n, e);
    default:
        return 0;
    }
}

/* ---- it becomes a revision ---- */

static void on_applied(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct restore *r = arg;
    const struct restore_result what = {
        .revision = revision, .manifest = r->manifest, .keys = (unsigned)r->at};

    end(r, rc, &what, e);
}

static int keep_keys(struct restore *r, struct err *e)
{
    char ref[KEYS_REF_MAX];
    json_t *file, *had;
    uint8_t *spki;
    size_t i, n;
    int rc = 0;

    json_array_foreach(r->keys, i, file)
    {
        if (keys_decode(json_object_get(file, "spki"), &spki, &n))
            return damaged(e, "keys");
        keys_ref(spki, n, ref);
        free(spki);
        had = keys_load(ref);
        json_object_set_new(r->before, ref, had ? had : json_null());
        rc = keys_save(ref, file);
        if (rc)
            return err_set(e, rc, "/", "free disk space in the state directory",
                           "the backup's keys can not be kept (%s)", strerror(-rc));
    }
    return 0;
}

/* Whom it would cut, as the answer; all that was kept for it goes. */
static void try(struct restore *r)
{
    struct coming_trial t = {.authority = r->authority};
    struct restore_result what = {.manifest = r->manifest, .keys = (unsigned)r->at, .trial = &t};
    struct err e;
    int rc = coming_try(r->m, r->document, true, &t, &e);

    take_back(r);
    if (rc) {
        refuse(r, rc, &e);
        return;
    }
    end(r, 0, &what, NULL);
    coming_trial_free(&t);
}

static void propose(struct restore *r)
{
    char comment[96];
    struct coming_wish w = {.actor = r->actor,
                            .action = "backup.restore",
                            .comment = comment,
                            .done = on_applied,
                            .arg = r,
                            .authority = r->authority};
    struct err e;
    int rc = r->m->coming.busy
                 ? err_set(&e, -EBUSY, "/", "try again in a moment", "another change is under way")
                 : keep_keys(r, &e);

    snprintf(comment, sizeof comment, "from a backup of revision %lld",
             (long long)json_integer_value(json_object_get(r->manifest, "revision")));
    if (!rc && r->wish.dry_run) {
        try(r);
        return;
    }
    r->stage = PROPOSED;
    if (!rc)
        rc = coming_propose(r->m, r->document, &w, &e);
    if (rc)
        refuse(r, rc, &e);
}

/* ---- its keys ---- */

static void wrap_next(struct restore *r);

/* The key as it is kept here. Its public half is the one that came out of it. */
static void on_wrapped(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct restore *r = arg;
    json_t *file = json_array_get(r->keys, r->at);
    char kind[64];

    if (rc) {
        refuse(r, rc, e);
        return;
    }
    keys_kind(a->spki.p, a->spki.n, kind);
    json_object_set_new(file, "spki", keys_encode(a->spki.p, a->spki.n));
    json_object_set_new(file, "wrapped", keys_encode(a->key.p, a->key.n));
    json_object_set_new(file, "kind", json_string(kind));
    r->at++;
    wrap_next(r);
}

static int ask_wrap(struct restore *r, const json_t *file, struct err *e)
{
    struct vault_rewrap m = {.restore = 1, .sealed = {r->sealed, r->n_sealed}};
    uint8_t *wrapped, mem[VAULT_KEY_MAX + VAULT_SEALED_MAX + 64];
    struct buf body;
    int rc;

    if (keys_decode(json_object_get(file, "wrapped"), &wrapped, &m.key.n))
        return damaged(e, "keys");
    m.key.p = wrapped;
    buf_init(&body, mem, sizeof mem);
    vault_put_rewrap(&body, &m);
    rc = buf_ok(&body) ? vaultline_ask(r->m, VAULT_REWRAP, &body, -1, on_wrapped, r, e)
                       : damaged(e, "keys");
    free(wrapped);
    return rc;
}

static void wrap_next(struct restore *r)
{
    const json_t *file = json_array_get(r->keys, r->at);
    struct err e;
    int rc;

    if (!file) {
        propose(r);
        return;
    }
    rc = ask_wrap(r, file, &e);
    if (rc)
        refuse(r, rc, &e);
}

/* The management link's keys of another box are of no use here without its administrators. */
static void leave_authority(struct restore *r)
{
    char ref[KEYS_REF_MAX];
    uint8_t *spki;
    size_t n;

    for (size_t i = json_array_size(r->keys); i-- > 0;) {
        if (keys_decode(json_object_get(json_array_get(r->keys, i), "spki"), &spki, &n))
            continue;
        keys_ref(spki, n, ref);
        free(spki);
        if (refs_named(r->authority, ref) && !refs_named(r->document, ref))
            json_array_remove(r->keys, i);
    }
    json_decref(r->authority);
    r->authority = NULL;
}

bool restore_end(struct restore *r)
{
    struct err e;
    int rc = 0;

    if (r->stage == DERIVING)
        return false;
    if (r->stage == HEAD)
        rc = err_set(&e, -EBADMSG, "", "give a file that POST backup made", "this is no backup");
    if (!rc)
        rc = reader_end(r->reader, &e);
    if (rc) {
        refuse(r, rc, &e);
        return true;
    }
    if (!r->wish.administrators || !authority_is_asked(r->document))
        leave_authority(r);
    r->stage = WRAPPING;
    wrap_next(r);
    return true;
}

/* ---- it comes ---- */

static void on_derived(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct restore *r = arg;

    if (rc) {
        refuse(r, rc, e);
        return;
    }
    memcpy(r->sealed, a->sealed.p, a->sealed.n);
    r->n_sealed = a->sealed.n;
    reader_init(r->reader, a->stream.p, r->head);
    records_init(&r->reader->records, r, take);
    r->stage = BODY;
    if (r->dropped)
        restore_drop(r);
    else
        r->wish.wake(r->wish.arg);
}

static int ask_keys(struct restore *r, struct err *e)
{
    struct vault_backup m = {.passphrase = {r->passphrase, r->n_passphrase}};
    uint8_t mem[VAULT_PASSPHRASE_MAX + BACKUP_HEAD + 16];
    struct buf body;
    int rc = reader_head(r->head, &m.head, e);

    if (rc)
        return rc;
    buf_init(&body, mem, sizeof mem);
    vault_put_backup(&body, &m);
    secret_wipe(r->passphrase, sizeof r->passphrase);
    r->stage = DERIVING;
    rc = vaultline_ask(r->m, VAULT_BACKUP, &body, -1, on_derived, r, e);
    secret_wipe(mem, sizeof mem); /* r may be gone: no keyring */
    return rc;
}

static size_t feed_head(struct restore *r, const uint8_t *data, size_t n)
{
    size_t now = BACKUP_HEAD - r->n_head < n ? BACKUP_HEAD - r->n_head : n;
    struct err e;
    int rc;

    memcpy(r->head + r->n_head, data, now);
    r->n_head += now;
    rc = r->n_head == BACKUP_HEAD ? ask_keys(r, &e) : 0;
    if (rc)
        refuse(r, rc, &e);
    return now;
}

size_t restore_feed(struct restore *r, const void *data, size_t n)
{
    struct err e;
    int rc;

    if (r->stage == HEAD)
        return feed_head(r, data, n);
    if (r->stage != BODY)
        return 0;
    rc = reader_feed(r->reader, data, n, &e);
    if (rc)
        refuse(r, rc, &e);
    return n;
}
