#include "mgmt/backup/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "dataplane/base/secret.h"

#define FIX_FILE "take another copy of it, or another backup"

int reader_head(const uint8_t head[BACKUP_HEAD], struct backup_head *h, struct err *e)
{
    struct buf b;
    int rc;

    buf_init_read(&b, head, BACKUP_HEAD);
    rc = backup_get_head(&b, h);
    if (rc == -EPROTONOSUPPORT)
        return err_set(e, rc, "", "restore it on a newer version",
                       "the backup has version %u; this gateway reads version %d", h->version,
                       BACKUP_VERSION);
    if (rc == -E2BIG)
        return err_set(e, rc, "", FIX_FILE,
                       "the file asks for more work on its passphrase than any backup does");
    return rc ? err_set(e, rc, "", "give a file that POST backup made", "this is no backup") : 0;
}

void reader_init(struct reader *r, const uint8_t key[BACKUP_KEY], const uint8_t head[BACKUP_HEAD])
{
    chunks_init(&r->chunks, key, head);
    r->total = BACKUP_HEAD;
    r->n = 0;
}

void reader_fini(struct reader *r)
{
    records_fini(&r->records);
    secret_wipe(r, sizeof *r);
}

/* One piece is here. */
static int open_piece(struct reader *r, bool last, struct err *e)
{
    bool first = r->chunks.next == 0;
    int rc = chunks_open(&r->chunks, r->piece, r->n, last, r->data);

    if (rc && first)
        return err_set(e, -EKEYREJECTED, "",
                       "give the passphrase that it was made with; else " FIX_FILE,
                       "the passphrase is wrong, or the file's beginning is damaged");
    if (rc)
        return err_set(e, rc, "", FIX_FILE,
                       "the file is damaged, cut or has bytes added, near byte %" PRIu64,
                       r->total - r->n);
    rc = records_feed(&r->records, r->data, r->n - CHUNK_TAG, e);
    r->n = 0;
    return rc;
}

int reader_feed(struct reader *r, const uint8_t *p, size_t n, struct err *e)
{
    int rc = 0;

    if (n > READER_FILE_MAX - r->total)
        return err_set(e, -EFBIG, "", FIX_FILE, "a backup has at most %u bytes", READER_FILE_MAX);
    while (n && !rc) {
        size_t now = CHUNK_ROOM - r->n < n ? CHUNK_ROOM - r->n : n;

        if (!now) { /* there is more: it was not the last */
            rc = open_piece(r, false, e);
            continue;
        }
        memcpy(r->piece + r->n, p, now);
        r->n += now;
        r->total += now;
        p += now;
        n -= now;
    }
    return rc;
}

int reader_end(struct reader *r, struct err *e)
{
    int rc = r->n ? open_piece(r, true, e) : 0;

    if (!rc && !records_ended(&r->records))
        rc = err_set(e, -EBADMSG, "", FIX_FILE, "the backup ends early");
    return rc;
}
