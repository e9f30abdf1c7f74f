/*
 * audit: who did what, when, and what came of it; a chain that shows every change of the past.
 *
 * Why: each row carries the hash of the one before, so that a row that was changed, removed or put
 * in is found by audit_verify(), and the last hash, kept elsewhere, proves the whole.
 * Owner: the store's database. Never: is changed or shortened (triggers refuse); holds a secret.
 */
#ifndef PENSTOCK_MGMT_STORE_AUDIT_H
#define PENSTOCK_MGMT_STORE_AUDIT_H

#include "mgmt/store/store.h"

struct audit_row {
    const char *actor;    /* "root (uid 0)", "file", a certificate's name, "penstock" */
    const char *action;   /* "config.apply", "session.end", ... */
    const char *object;   /* the resource, or "" */
    const char *result;   /* "applied", "refused", ... */
    uint64_t revision;    /* 0: none */
    const json_t *detail; /* may be NULL */
};

/* 0 or -errno with *e: then what was to be noted must not happen. */
int audit_add(struct store *s, const struct audit_row *row, struct err *e);
/* Rows below `before` (0: from the newest), newest first. NULL: the database failed. */
json_t *audit_list(struct store *s, uint64_t before, unsigned max);
/* Rows above `after`, oldest first; else the same. */
json_t *audit_after(struct store *s, uint64_t after, unsigned max);
/*
 * Follow the chain from its first row. *n: rows that hold; *hash: of the last of them. 0, or
 * -EBADMSG: row *n + 1 is not what was written.
 */
int audit_verify(struct store *s, uint64_t *n, char hash[65]);

#endif
