/*
 * restore: a backup that comes in, becomes the next revision or nothing at all.
 *
 *   head -> vault: its keys -> pieces, each proven -> objects are kept, the rest is held -> the END
 *   -> private keys re-wrapped, one by one -> keys kept -> proposed like any document
 *
 * Why: a file from outside may be damaged, foreign or hostile; what it holds counts only when all
 * of it was proven and judged. Whatever was kept for one that is refused is taken away again.
 * Owner: whoever asked, until `done` or restore_drop(). Never: changes what runs but by a revision;
 * holds the passphrase longer than until the head is here.
 */
#ifndef PENSTOCK_MGMT_BACKUP_RESTORE_H
#define PENSTOCK_MGMT_BACKUP_RESTORE_H

#include "mgmt/manager.h"

struct restore;

/* What came of it. */
struct restore_result {
    uint64_t revision;      /* 0: a trial */
    const json_t *manifest; /* of the backup */
    struct coming_trial *trial;
    unsigned keys;
};
/* rc 0 and *what, or -errno with *e. It is gone with the return. */
typedef void restore_done(void *arg, int rc, const struct restore_result *what,
                          const struct err *e);

struct restore_wish {
    const char *actor;
    bool dry_run;        /* judge all, change nothing */
    bool administrators; /* take the management link's own trust too, where the file has it */
    restore_done *done;
    void (*wake)(void *arg); /* it takes bytes again */
    void *arg;
};

/* NULL with *e: -EBUSY, -EIO (no store), -ENOMEM. The passphrase is copied. */
struct restore *restore_begin(struct manager *m, const struct restore_wish *w,
                              const uint8_t *passphrase, size_t n, struct err *e);
/* Bytes of the file; how many were taken: fewer means wait for `wake`. `done` may be called. */
size_t restore_feed(struct restore *r, const void *data, size_t n);
/* There are no more. False: not yet, wait for `wake` and say it again. `done` may be called. */
bool restore_end(struct restore *r);
/* Nobody wants it any more: as if it had never come. */
void restore_drop(struct restore *r);

#endif
