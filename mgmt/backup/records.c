#include "mgmt/backup/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "mgmt/store/objects.h"

#define BODY_FIRST (16u * 1024)

static const struct {
    size_t most;
    bool again; /* there may be several */
} kinds[] = {
    [RECORDS_MANIFEST] = {64u * 1024, false},    [RECORDS_DOCUMENT] = {32u * 1024 * 1024, false},
    [RECORDS_AUTHORITY] = {1024u * 1024, false}, [RECORDS_OBJECT] = {OBJECTS_MAX, true},
    [RECORDS_KEY] = {64u * 1024, true},          [RECORDS_END] = {0, false},
};

void records_init(struct records *r, void *arg,
                  int (*take)(void *arg, enum records_kind kind, const uint8_t *body, size_t n,
                              struct err *e))
{
    *r = (struct records){.take = take, .arg = arg};
}

static void drop_body(struct records *r)
{
    if (r->body)
        secret_wipe(r->body, r->n_body);
    free(r->body);
    r->body = NULL;
    r->n_body = r->room = 0;
}

void records_fini(struct records *r)
{
    drop_body(r);
}

bool records_ended(const struct records *r)
{
    return r->before == RECORDS_END;
}

void records_head(enum records_kind kind, size_t n, uint8_t out[RECORDS_HEAD])
{
    struct buf b;

    buf_init(&b, out, RECORDS_HEAD);
    buf_put_u8(&b, (uint8_t)kind);
    buf_put_u32(&b, (uint32_t)n);
}

static int damaged(struct err *e, const char *what)
{
    return err_set(e, -EBADMSG, "", "take another backup", "the backup %s", what);
}

/* May this kind come now? The first two must be there, each in its turn. */
static bool in_order(const struct records *r, uint8_t kind)
{
    if (kind < RECORDS_MANIFEST || kind > RECORDS_END || r->before == RECORDS_END)
        return false;
    if (r->before < RECORDS_DOCUMENT)
        return kind == r->before + 1;
    return kind > r->before || (kind == r->before && kinds[kind].again);
}

static int take_head(struct records *r, struct err *e)
{
    struct buf b;
    uint8_t kind;

    buf_init_read(&b, r->head, sizeof r->head);
    kind = buf_get_u8(&b);
    r->length = buf_get_u32(&b);
    if (!in_order(r, kind))
        return damaged(e, "holds something that does not belong there");
    if (r->length > kinds[kind].most || (kind == RECORDS_KEY && ++r->n_keys > RECORDS_KEYS))
        return damaged(e, "holds more than can be taken");
    return 0;
}

static int widen(struct records *r, size_t n, struct err *e)
{
    size_t room = r->room ? r->room : BODY_FIRST;
    uint8_t *more;

    while (room < r->n_body + n)
        room *= 2;
    if (room == r->room)
        return 0;
    more = malloc(room);
    if (!more)
        return err_set(e, -ENOMEM, "", "free memory", "out of memory");
    if (r->n_body)
        memcpy(more, r->body, r->n_body);
    n = r->n_body;
    drop_body(r);
    r->body = more;
    r->n_body = n;
    r->room = room;
    return 0;
}

static int finish(struct records *r, struct err *e)
{
    uint8_t kind = r->head[0];
    int rc = r->take(r->arg, kind, r->body, r->n_body, e);

    drop_body(r);
    r->n_head = 0;
    r->before = kind;
    return rc;
}

/* Into the record that comes; how many bytes, or -errno with *e. */
static long step(struct records *r, const uint8_t *p, size_t n, struct err *e)
{
    size_t want, now;
    int rc = 0;

    if (r->n_head < RECORDS_HEAD) {
        now = RECORDS_HEAD - r->n_head < n ? RECORDS_HEAD - r->n_head : n;
        memcpy(r->head + r->n_head, p, now);
        r->n_head += now;
        if (r->n_head == RECORDS_HEAD)
            rc = take_head(r, e);
    } else {
        want = r->length - r->n_body;
        now = want < n ? want : n;
        rc = widen(r, now, e);
        if (!rc) {
            memcpy(r->body + r->n_body, p, now);
            r->n_body += now;
        }
    }
    if (!rc && r->n_head == RECORDS_HEAD && r->n_body == r->length)
        rc = finish(r, e);
    return rc ? rc : (long)now;
}

int records_feed(struct records *r, const uint8_t *p, size_t n, struct err *e)
{
    while (n) {
        long now = records_ended(r) ? damaged(e, "goes on behind its end") : step(r, p, n, e);

        if (now < 0)
            return (int)now;
        p += now;
        n -= (size_t)now;
    }
    return 0;
}
