#include "dataplane/core/bucket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool bucket_take(struct bucket *b, uint32_t rate, uint32_t burst, uint64_t now_ms)
{
    uint64_t full = (uint64_t)burst * 1000;

    if (b->last_ms == 0)
        b->milli = full;
    else if (now_ms > b->last_ms)
        b->milli += (now_ms - b->last_ms) * rate; /* ms * tokens/s = thousandths */
    if (b->milli > full)
        b->milli = full;
    b->last_ms = now_ms ? now_ms : 1;
    if (b->milli < 1000)
        return false;
    b->milli -= 1000;
    return true;
}

int sources_init(struct sources *s)
{
    s->table = calloc((size_t)SOURCE_SETS * SOURCE_WAYS, sizeof *s->table);
    if (!s->table)
        return -ENOMEM;
    hash_key_init(&s->key);
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

void sources_fini(struct sources *s)
{
    pthread_mutex_destroy(&s->lock);
    free(s->table);
    s->table = NULL;
}

/* The source's row, or the one of its set that was quiet for longest, cleared for it. */
static struct source *source_find(struct sources *s, const uint8_t net[16], uint32_t link)
{
    uint8_t id[20];
    struct source *set, *oldest;

    memcpy(id, net, 16);
    memcpy(id + 16, &link, 4);
    set = s->table + (hash_bytes(&s->key, id, sizeof id) % SOURCE_SETS) * SOURCE_WAYS;
    oldest = set;
    for (int i = 0; i < SOURCE_WAYS; i++) {
        if (set[i].bucket.last_ms && set[i].link == link && !memcmp(set[i].net, net, 16))
            return &set[i];
        if (set[i].bucket.last_ms < oldest->bucket.last_ms)
            oldest = &set[i];
    }
    memset(oldest, 0, sizeof *oldest);
    memcpy(oldest->net, net, 16);
    oldest->link = link;
    return oldest;
}

bool sources_take(struct sources *s, const uint8_t net[16], uint32_t link, uint32_t rate,
                  uint64_t now_ms)
{
    bool ok;

    pthread_mutex_lock(&s->lock);
    ok = bucket_take(&source_find(s, net, link)->bucket, rate, rate, now_ms);
    pthread_mutex_unlock(&s->lock);
    return ok;
}
