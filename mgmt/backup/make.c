#include "mgmt/backup/make.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "mgmt/api/document.h"
#include "mgmt/backup/chunks.h"
#include "mgmt/backup/reader.h"
#include "mgmt/backup/refs.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"

#define OTHERS_MAX (64u * 1024 * 1024) /* for all but the objects */

struct backup {
    struct manager *m;
    backup_done *done;
    void *arg;
    uint8_t head[BACKUP_HEAD], sealed[VAULT_SEALED_MAX];
    size_t n_sealed;
    struct chunks chunks;

    json_t *manifest, *document, *authority; /* as it was when it was begun */
    json_t *objects;                         /* references, in an object */
    json_t *refs;                            /* of keys, in an array; `at` is the next to wrap */
    json_t *keys;                            /* bodies of records */
    size_t at;

    int stage; /* of the records: enum records_kind */
    size_t row;
    void *row_at; /* iterator of objects */
    uint8_t record_head[RECORDS_HEAD];
    uint8_t *body; /* of the record that goes out */
    size_t n_record, at_record;
    bool written;

    uint8_t data[CHUNK_DATA], piece[CHUNK_ROOM];
    size_t n_piece, at_piece;
};

void backup_free(struct backup *b)
{
    if (!b)
        return;
    b->m->backup_busy = false;
    json_decref(b->manifest);
    json_decref(b->document);
    json_decref(b->authority);
    json_decref(b->objects);
    json_decref(b->refs);
    json_decref(b->keys);
    free(b->body);
    chunks_fini(&b->chunks);
    free(b);
}

unsigned backup_keys(const struct backup *b)
{
    return (unsigned)json_array_size(b->keys);
}

/* ---- what goes in ---- */

/* All that are held: one that waits for its certificate is worth no less. */
static json_t *key_refs(void)
{
    json_t *rows = keys_list(), *refs = json_array(), *row;
    size_t i;

    json_array_foreach(rows, i, row) json_array_append(refs, json_object_get(row, "id"));
    json_decref(rows);
    return refs;
}

/* Everything is there, and not more than a restore would take. */
static int judge_size(const struct backup *b, struct err *e)
{
    const char *ref;
    json_t *yes;
    uint64_t total = 0;

    json_object_foreach(b->objects, ref, yes)
    {
        int64_t n = objects_size(ref);

        if (n < 0)
            return err_set(e, -EIO, "/", "see the state directory", "%s can not be read", ref);
        total += (uint64_t)n;
    }
    if (total < READER_FILE_MAX - OTHERS_MAX)
        return 0;
    return err_set(e, -EINVAL, "/", "name fewer or smaller revocation lists",
                   "what the configuration names is more than a backup can hold");
}

static int gather(struct backup *b, struct err *e)
{
    struct manager *m = b->m;
    int rc;

    b->document = json_deep_copy(m->document);
    b->authority = m->authority ? json_deep_copy(m->authority) : NULL;
    json_object_del(b->authority, "token"); /* one-time, and of this box */
    json_object_del(b->authority, "spent");
    b->objects = json_object();
    refs_gather(b->document, objects_is_ref, b->objects);
    refs_gather(b->authority, objects_is_ref, b->objects);
    rc = judge_size(b, e);
    if (rc)
        return rc;
    b->refs = key_refs();
    b->keys = json_array();
    b->manifest = json_pack("{s:I, s:I, s:I}", "made_at", (json_int_t)clock_wall_s(), "revision",
                            (json_int_t)m->revision, "objects",
                            (json_int_t)json_object_size(b->objects));
    if (b->document && b->refs && b->keys && b->manifest)
        return 0;
    return err_set(e, -ENOMEM, "/", "free memory", "out of memory");
}

/* ---- its keys ---- */

static void fail(struct backup *b, int rc, const struct err *e)
{
    b->done(b->arg, NULL, rc, e);
    backup_free(b);
}

/* One that opens no more is left out, unless something needs it: that would be half a backup. */
static bool is_needed(const struct backup *b, const char *ref)
{
    return refs_named(b->document, ref) || refs_named(b->authority, ref);
}

static void wrap_next(struct backup *b);

static void on_wrapped(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct backup *b = arg;
    const char *ref = json_string_value(json_array_get(b->refs, b->at));
    json_t *file = rc ? NULL : keys_load(ref);

    if (rc && (rc != -EKEYREJECTED || is_needed(b, ref))) {
        fail(b, rc, e);
        return;
    }
    if (rc) {
        log_event(LOG_WARN, "key_not_in_backup", "key=%s why=\"it does not open any more\"", ref);
    } else if (file) {
        json_object_set_new(file, "wrapped", keys_encode(a->key.p, a->key.n));
        json_array_append_new(b->keys, file);
    }
    b->at++;
    wrap_next(b);
}

static int ask_wrap(struct backup *b, const char *ref, struct err *e)
{
    struct vault_rewrap m = {.sealed = {b->sealed, b->n_sealed}};
    uint8_t *wrapped, mem[VAULT_KEY_MAX + VAULT_SEALED_MAX + 64];
    struct buf body;
    int rc = keys_get(ref, &wrapped, &m.key.n);

    if (rc)
        return err_set(e, rc, "/", "see the state directory", "the key %s can not be read", ref);
    m.key.p = wrapped;
    buf_init(&body, mem, sizeof mem);
    vault_put_rewrap(&body, &m);
    rc = vaultline_ask(b->m, VAULT_REWRAP, &body, -1, on_wrapped, b, e);
    free(wrapped);
    return rc;
}

static void wrap_next(struct backup *b)
{
    const char *ref = json_string_value(json_array_get(b->refs, b->at));
    struct err e;
    int rc;

    if (!ref) {
        json_object_set_new(b->manifest, "keys", json_integer((json_int_t)backup_keys(b)));
        b->done(b->arg, b, 0, NULL);
        return;
    }
    rc = ask_wrap(b, ref, &e);
    if (rc)
        fail(b, rc, &e);
}

static void on_derived(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct backup *b = arg;

    if (rc) {
        fail(b, rc, e);
        return;
    }
    memcpy(b->sealed, a->sealed.p, a->sealed.n);
    b->n_sealed = a->sealed.n;
    chunks_init(&b->chunks, a->stream.p, b->head);
    wrap_next(b);
}

static int ask_keys(struct backup *b, const uint8_t *passphrase, size_t n, struct err *e)
{
    struct vault_backup m = {.passphrase = {passphrase, n}};
    uint8_t mem[VAULT_PASSPHRASE_MAX + BACKUP_HEAD + 16];
    struct buf body, head;
    int rc;

    m.head = (struct backup_head){BACKUP_VERSION, BACKUP_LOG2_N, BACKUP_R, BACKUP_P, {0}};
    if (RAND_bytes(m.head.salt, sizeof m.head.salt) != 1)
        return err_set(e, -EIO, "/", "see the kernel's log", "there is no randomness");
    buf_init(&head, b->head, sizeof b->head);
    backup_put_head(&head, &m.head);
    buf_init(&body, mem, sizeof mem);
    vault_put_backup(&body, &m);
    rc = vaultline_ask(b->m, VAULT_BACKUP, &body, -1, on_derived, b, e);
    secret_wipe(mem, sizeof mem);
    return rc;
}

int backup_begin(struct manager *m, const uint8_t *passphrase, size_t n, backup_done *done,
                 void *arg, struct err *e)
{
    struct backup *b;
    int rc;

    if (m->backup_busy)
        return err_set(e, -EBUSY, "/", "try again in a moment",
                       "another backup is made or restored");
    b = calloc(1, sizeof *b);
    if (!b)
        return err_set(e, -ENOMEM, "/", "free memory", "out of memory");
    m->backup_busy = true;
    b->m = m;
    b->done = done;
    b->arg = arg;
    rc = gather(b, e);
    if (!rc)
        rc = ask_keys(b, passphrase, n, e);
    if (rc)
        backup_free(b);
    return rc;
}

/* ---- reading it out ---- */

static uint8_t *text_of(const json_t *v, size_t *n)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);

    *n = text ? strlen(text) : 0;
    return (uint8_t *)text;
}

/* The next object's bytes, or NULL with *rc: there is none (0), or it can not be read. */
static uint8_t *next_object(struct backup *b, size_t *n, int *rc)
{
    uint8_t *data = NULL;

    b->row_at = b->row++ ? json_object_iter_next(b->objects, b->row_at)
                         : json_object_iter(b->objects);
    if (b->row_at)
        *rc = objects_get(json_object_iter_key(b->row_at), OBJECTS_MAX, &data, n);
    return data;
}

/* The body of the next record of this stage; NULL and *rc 0: the stage has no more. */
static uint8_t *next_body(struct backup *b, size_t *n, int *rc)
{
    const json_t *one[] = {[RECORDS_MANIFEST] = b->manifest,
                           [RECORDS_DOCUMENT] = b->document,
                           [RECORDS_AUTHORITY] = b->authority};
    const json_t *v;
    uint8_t *body;

    if (b->stage == RECORDS_OBJECT)
        return next_object(b, n, rc);
    if (b->stage == RECORDS_END)
        return b->row++ ? NULL : calloc(1, 1);
    v = b->stage == RECORDS_KEY ? json_array_get(b->keys, b->row) : b->row ? NULL : one[b->stage];
    b->row++;
    body = v ? text_of(v, n) : NULL;
    if (v && !body)
        *rc = -ENOMEM;
    return body;
}

/* 1: a record is there to be written, 0: there are no more, or -errno. */
static int next_record(struct backup *b)
{
    size_t n = 0;
    int rc = 0;

    free(b->body);
    b->body = NULL;
    while (!rc && b->stage <= RECORDS_END && !(b->body = next_body(b, &n, &rc))) {
        b->stage += !rc;
        b->row = 0;
    }
    if (!b->body)
        return rc;
    records_head((enum records_kind)b->stage, n, b->record_head);
    b->n_record = RECORDS_HEAD + n;
    b->at_record = 0;
    return 1;
}

/* As much of the record as fits. */
static size_t put_record(struct backup *b, uint8_t *out, size_t room)
{
    bool head = b->at_record < RECORDS_HEAD;
    const uint8_t *from = head ? b->record_head + b->at_record
                               : b->body + b->at_record - RECORDS_HEAD;
    size_t n = (head ? RECORDS_HEAD : b->n_record) - b->at_record;

    n = n < room ? n : room;
    memcpy(out, from, n);
    b->at_record += n;
    return n;
}

/* The next piece. 0 or -errno. */
static int next_piece(struct backup *b)
{
    size_t n = 0;
    int rc = 1;

    while (rc == 1 && n < CHUNK_DATA) {
        if (b->at_record == b->n_record && (rc = next_record(b)) != 1)
            break;
        n += put_record(b, b->data + n, CHUNK_DATA - n);
    }
    if (rc == 1 && b->at_record == b->n_record)
        rc = next_record(b); /* is there more? the last piece says that it is */
    if (rc < 0)
        return rc;
    b->written = rc == 0;
    b->n_piece = n + CHUNK_TAG;
    b->at_piece = 0;
    return chunks_seal(&b->chunks, b->data, n, b->written, b->piece);
}

ssize_t backup_read(struct backup *b, void *out, size_t max)
{
    size_t n;
    int rc;

    if (!b->stage) { /* the head is the first piece */
        memcpy(b->piece, b->head, BACKUP_HEAD);
        b->n_piece = BACKUP_HEAD;
        b->stage = RECORDS_MANIFEST;
    }
    if (b->at_piece == b->n_piece) {
        if (b->written)
            return 0;
        rc = next_piece(b);
        if (rc)
            return rc;
    }
    n = b->n_piece - b->at_piece < max ? b->n_piece - b->at_piece : max;
    memcpy(out, b->piece + b->at_piece, n);
    b->at_piece += n;
    return (ssize_t)n;
}
