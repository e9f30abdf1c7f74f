/*
 * replies: answers that were given to requests which must not be done twice.
 *
 * Why: a client that lost the answer to a POST asks again with the same Idempotency-Key, after a
 * restart too. Owner: the store's database. Never: keeps more than REPLIES_MAX, or one for longer
 * than a day; keeps what is secret (the caller sees to that).
 */
#ifndef PENSTOCK_MGMT_STORE_REPLIES_H
#define PENSTOCK_MGMT_STORE_REPLIES_H

#include "mgmt/store/store.h"

#define REPLIES_MAX 1024
#define REPLIES_S   86400

struct reply {
    char print[65]; /* hash of the request it was the answer to */
    unsigned status;
    uint64_t revision;
    char *tag, *body; /* body: JSON, or empty */
};

/* The answer kept under a name. 0 and *r (reply_free() it), -ENOENT: none. */
int replies_get(struct store *s, const char *name, int64_t now_s, struct reply *r);
/* Keep one; the oldest gives way. 0 or -errno. */
int replies_put(struct store *s, const char *name, int64_t now_s, const struct reply *r);
void reply_free(struct reply *r);

#endif
