/*
 * records: what a backup holds, once its stream is proven: records in a fixed order.
 *
 *   kind u8 | length u32 | body
 *
 *   MANIFEST once    JSON: when it was made, of which revision
 *   DOCUMENT once    JSON: the canonical configuration
 *   AUTHORITY        JSON, at most once: the management link's own trust (authority.h), no token
 *   OBJECT           certificates and lists, as objects.h keeps them; any number
 *   KEY              JSON: {"wrapped", "origin", "made_at"}; wrapped under the backup's key
 *   END              empty, and nothing behind it
 *
 * Why: the decoder is one place with every bound, and knows neither files nor keys. Owner: the
 * record in the making is the reader's. Never: takes memory for bytes that have not come.
 */
#ifndef PENSTOCK_MGMT_BACKUP_RECORDS_H
#define PENSTOCK_MGMT_BACKUP_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/err.h"

#define RECORDS_HEAD 5
#define RECORDS_KEYS 16384 /* of one backup */

enum records_kind {
    RECORDS_MANIFEST = 1,
    RECORDS_DOCUMENT,
    RECORDS_AUTHORITY,
    RECORDS_OBJECT,
    RECORDS_KEY,
    RECORDS_END
};

struct records {
    /* One is whole; body is the callee's for the call. 0, or -errno with *e: that ends it. */
    int (*take)(void *arg, enum records_kind kind, const uint8_t *body, size_t n, struct err *e);
    void *arg;
    uint8_t head[RECORDS_HEAD];
    size_t n_head; /* of the one that comes */
    uint8_t *body;
    size_t n_body, room, length;
    uint8_t before; /* kind of the last whole one */
    unsigned n_keys;
};

void records_init(struct records *r, void *arg,
                  int (*take)(void *arg, enum records_kind kind, const uint8_t *body, size_t n,
                              struct err *e));
void records_fini(struct records *r);
/* More bytes. 0, or -errno with *e: -EBADMSG (out of order, too long, more than its end), take's.
 */
int records_feed(struct records *r, const uint8_t *p, size_t n, struct err *e);
/* Has the END come? */
bool records_ended(const struct records *r);
/* The head of a record to be written. */
void records_head(enum records_kind kind, size_t n, uint8_t out[RECORDS_HEAD]);

#endif
