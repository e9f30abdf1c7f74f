/*
 * pathcache: which certificates made up a path that was found good before, and who issued whom in
 * it.
 *
 * Why: re-judging thousands of live peers must not verify their signatures again, and a new peer of
 * a known issuer only its own. Only what is good
 * is kept, so that a stranger can not flush it, and only where each certificate of the path came
 * from, so that an entry is small and nothing outlives its chain. Owner: counted; shared by trusts
 * with the same anchors. Never: holds a date, a CRL or a rule: those are judged every time.
 */
#ifndef PENSTOCK_HANDSHAKE_PATHCACHE_H
#define PENSTOCK_HANDSHAKE_PATHCACHE_H

#include <stdbool.h>
#include <stdint.h>

#define PATH_CERTS_MAX   5    /* leaf, three intermediates, anchor */
#define PATH_CACHE_PATHS 8192 /* the least recently used makes room */
#define PATH_CACHE_PAIRS 128  /* the oldest makes room */

struct path_known {
    uint8_t n;
    struct {
        bool anchor; /* from the anchors, else from the presented chain */
        uint16_t index;
    } at[PATH_CERTS_MAX];
};

struct path_cache;

struct path_cache *path_cache_new(void); /* NULL: out of memory */
struct path_cache *path_cache_get(struct path_cache *c);
void path_cache_put(struct path_cache *c); /* NULL is harmless */
/* digest: SHA-256 over all that the path verdict depends on besides the anchors. */
bool path_cache_find(struct path_cache *c, const uint8_t digest[32], struct path_known *out);
void path_cache_add(struct path_cache *c, const uint8_t digest[32], const struct path_known *known);
/* digest: SHA-256 over a certificate and its issuer, whose signature on it is good. */
bool path_cache_has_pair(const struct path_cache *c, const uint8_t digest[32]);
void path_cache_add_pair(struct path_cache *c, const uint8_t digest[32]);
unsigned path_cache_count(const struct path_cache *c);

#endif
