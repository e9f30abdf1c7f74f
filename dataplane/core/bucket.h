/*
 * bucket: token buckets, alone and one for each source network.
 *
 * Why: what may come in is counted before a byte is read; an address that storms must not spend the
 * share of others.
 * Owner: a struct bucket is its holder's (one thread, or under the holder's lock); struct sources
 * locks itself and is shared by all workers. Never: allocates after init. The table of sources is
 * fixed: a new source takes the place of the one that was quiet for longest in its set.
 */
#ifndef PENSTOCK_CORE_BUCKET_H
#define PENSTOCK_CORE_BUCKET_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/hash.h"

struct bucket {
    uint64_t milli;   /* thousandths of a token */
    uint64_t last_ms; /* 0: never used, then it starts full */
};

/* Take one token of a bucket that fills at `rate` a second up to `burst`. False when it is empty.
 */
bool bucket_take(struct bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ms);

#define SOURCE_SETS 8192
#define SOURCE_WAYS 4

struct source {
    uint8_t net[16];
    uint32_t link; /* which link's bucket: the same network may talk to several */
    struct bucket bucket;
};

struct sources {
    pthread_mutex_t lock;
    struct hash_key key;
    struct source *table; /* SOURCE_SETS * SOURCE_WAYS */
};

int sources_init(struct sources *s); /* 0 or -ENOMEM */
void sources_fini(struct sources *s);
/* Take a token of network `net` (16 bytes) at link number `link`. */
bool sources_take(struct sources *s, const uint8_t net[16], uint32_t link, uint32_t rate,
                  uint64_t now_ms);

#endif
