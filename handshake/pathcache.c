#include "handshake/pathcache.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 8192

/* Links are indices plus one into `entries`; 0 is none. */
struct entry {
    uint8_t digest[32];
    struct path_known known;
    uint16_t next;         /* of the same bucket */
    uint16_t older, newer; /* by use */
};

struct path_cache {
    unsigned refs, count;
    unsigned pairs; /* ever added */
    uint8_t pair[PATH_CACHE_PAIRS][32];
    uint16_t oldest, newest;
    uint16_t buckets[BUCKETS];
    struct entry entries[PATH_CACHE_PATHS]; /* pages that no path needed yet cost nothing */
};

struct path_cache *path_cache_new(void)
{
    struct path_cache *c = calloc(1, sizeof *c);

    if (c)
        c->refs = 1;
    return c;
}

struct path_cache *path_cache_get(struct path_cache *c)
{
    c->refs++;
    return c;
}

void path_cache_put(struct path_cache *c)
{
    if (c && --c->refs == 0)
        free(c);
}

unsigned path_cache_count(const struct path_cache *c)
{
    return c->count;
}

static struct entry *entry_of(struct path_cache *c, uint16_t link)
{
    return link ? &c->entries[link - 1] : NULL;
}

/* It is a SHA-256: its first bytes spread well. */
static uint16_t *bucket_of(struct path_cache *c, const uint8_t digest[32])
{
    return &c->buckets[((unsigned)digest[0] << 8 | digest[1]) % BUCKETS];
}

static void use_unlink(struct path_cache *c, struct entry *e)
{
    struct entry *older = entry_of(c, e->older), *newer = entry_of(c, e->newer);

    *(older ? &older->newer : &c->oldest) = e->newer;
    *(newer ? &newer->older : &c->newest) = e->older;
}

static void use_newest(struct path_cache *c, struct entry *e)
{
    uint16_t link = (uint16_t)(e - c->entries + 1);
    struct entry *last = entry_of(c, c->newest);

    e->older = c->newest;
    e->newer = 0;
    *(last ? &last->newer : &c->oldest) = link;
    c->newest = link;
}

static struct entry *lookup(struct path_cache *c, const uint8_t digest[32])
{
    struct entry *e = entry_of(c, *bucket_of(c, digest));

    while (e && memcmp(e->digest, digest, sizeof e->digest))
        e = entry_of(c, e->next);
    return e;
}

bool path_cache_find(struct path_cache *c, const uint8_t digest[32], struct path_known *out)
{
    struct entry *e = lookup(c, digest);

    if (!e)
        return false;
    use_unlink(c, e);
    use_newest(c, e);
    *out = e->known;
    return true;
}

/* An entry to fill: a fresh one, or the least recently used taken out of its bucket. */
static struct entry *take(struct path_cache *c)
{
    uint16_t *at, link = c->oldest;
    struct entry *e;

    if (c->count < PATH_CACHE_PATHS)
        return &c->entries[c->count++];
    e = entry_of(c, link);
    use_unlink(c, e);
    for (at = bucket_of(c, e->digest); *at != link; at = &entry_of(c, *at)->next)
        ;
    *at = e->next;
    return e;
}

void path_cache_add(struct path_cache *c, const uint8_t digest[32], const struct path_known *known)
{
    uint16_t *bucket = bucket_of(c, digest);
    struct entry *e;

    if (lookup(c, digest))
        return;
    e = take(c);
    memcpy(e->digest, digest, sizeof e->digest);
    e->known = *known;
    e->next = *bucket;
    *bucket = (uint16_t)(e - c->entries + 1);
    use_newest(c, e);
}

bool path_cache_has_pair(const struct path_cache *c, const uint8_t digest[32])
{
    for (unsigned i = 0; i < c->pairs && i < PATH_CACHE_PAIRS; i++)
        if (!memcmp(c->pair[i], digest, sizeof c->pair[i]))
            return true;
    return false;
}

void path_cache_add_pair(struct path_cache *c, const uint8_t digest[32])
{
    if (!path_cache_has_pair(c, digest))
        memcpy(c->pair[c->pairs++ % PATH_CACHE_PAIRS], digest, sizeof c->pair[0]);
}
