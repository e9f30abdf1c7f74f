#include "dataplane/core/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"

void peers_init(struct peers *p)
{
    pthread_mutex_init(&p->lock, NULL);
    hash_key_init(&p->key);
    for (unsigned i = 0; i < PEERS_BUCKETS; i++)
        list_init(&p->buckets[i]);
    p->count = 0;
}

void peers_fini(struct peers *p)
{
    check(p->count == 0);
    pthread_mutex_destroy(&p->lock);
}

static struct list *peers_bucket(struct peers *p, uint32_t link, uint8_t side,
                                 const uint8_t sha256[32])
{
    uint8_t id[37];

    memcpy(id, sha256, 32);
    memcpy(id + 32, &link, 4);
    id[36] = side;
    return &p->buckets[hash_bytes(&p->key, id, sizeof id) % PEERS_BUCKETS];
}

static struct peer *bucket_find(struct list *bucket, uint32_t link, uint8_t side,
                                const uint8_t sha256[32])
{
    struct list *pos;

    list_for_each(pos, bucket)
    {
        struct peer *e = list_entry(pos, struct peer, node);
        if (e->link == link && e->side == side && !e->denied &&
            !memcmp(e->facts.chain_sha256, sha256, 32))
            return e;
    }
    return NULL;
}

static struct peer *peer_new(const char *link_name, uint32_t link, uint8_t side, uint64_t revision,
                             const struct peer_facts *facts, const uint8_t *chain, size_t n_chain)
{
    struct peer *e = calloc(1, sizeof *e + n_chain);

    if (!e)
        return NULL;
    e->facts = *facts;
    e->link = link;
    snprintf(e->link_name, sizeof e->link_name, "%s", link_name);
    e->side = side;
    atomic_init(&e->until, facts->until);
    atomic_init(&e->revision, revision);
    e->n_chain = n_chain;
    if (n_chain)
        memcpy(e->chain, chain, n_chain);
    return e;
}

struct peer *peers_intern(struct peers *p, const char *link_name, uint32_t link, uint8_t side,
                          uint64_t revision, const struct peer_facts *facts, const uint8_t *chain,
                          size_t n_chain)
{
    struct list *bucket = peers_bucket(p, link, side, facts->chain_sha256);
    struct peer *e;

    pthread_mutex_lock(&p->lock);
    e = bucket_find(bucket, link, side, facts->chain_sha256);
    if (!e) {
        e = peer_new(link_name, link, side, revision, facts, chain, n_chain);
        if (e) {
            list_push(bucket, &e->node);
            p->count++;
        }
    } else if (e->revision <= revision) {
        peers_allow(e, revision, facts->until);
    }
    if (e)
        e->refs++;
    pthread_mutex_unlock(&p->lock);
    return e;
}

void peers_put(struct peers *p, struct peer *peer)
{
    if (!peer)
        return;
    pthread_mutex_lock(&p->lock);
    if (--peer->refs == 0) {
        list_remove(&peer->node);
        p->count--;
        free(peer);
    }
    pthread_mutex_unlock(&p->lock);
}

long peers_list(struct peers *p, struct peer ***out)
{
    struct peer **all;
    struct list *pos;
    long n = 0;

    pthread_mutex_lock(&p->lock);
    all = calloc(p->count ? p->count : 1, sizeof(struct peer *));
    for (unsigned i = 0; all && i < PEERS_BUCKETS; i++)
        list_for_each(pos, &p->buckets[i])
        {
            all[n] = list_entry(pos, struct peer, node);
            all[n++]->refs++;
        }
    pthread_mutex_unlock(&p->lock);
    if (!all)
        return -ENOMEM;
    *out = all;
    return n;
}

unsigned peers_page(struct peers *p, uint64_t cursor, unsigned max, size_t bytes, struct peer **out,
                    uint64_t *next)
{
    unsigned bucket = (unsigned)(cursor >> 32), skip = (unsigned)cursor, n = 0;
    struct list *pos;

    *next = 0;
    pthread_mutex_lock(&p->lock);
    for (; bucket < PEERS_BUCKETS; bucket++, skip = 0) {
        unsigned at = 0;

        list_for_each(pos, &p->buckets[bucket])
        {
            struct peer *e = list_entry(pos, struct peer, node);

            if (at++ < skip)
                continue;
            if (n == max || e->n_chain > bytes) {
                *next = (uint64_t)bucket << 32 | (at - 1);
                goto out;
            }
            bytes -= e->n_chain;
            e->refs++;
            out[n++] = e;
        }
    }
out:
    pthread_mutex_unlock(&p->lock);
    return n;
}

void peers_deny(struct peers *p, struct peer *peer, enum reason reason, const char *why)
{
    pthread_mutex_lock(&p->lock);
    if (!peer->denied) {
        peer->reason = reason;
        snprintf(peer->why, sizeof peer->why, "%s", why);
        atomic_store_explicit(&peer->denied, true, memory_order_release);
    }
    pthread_mutex_unlock(&p->lock);
}

void peers_allow(struct peer *peer, uint64_t revision, int64_t until)
{
    peer->until = until;
    peer->revision = revision;
}
