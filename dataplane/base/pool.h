/*
 * pool: objects of one size from one block sized at start.
 *
 * Why: memory is bounded and decided at start; a slot's generation tells a stale id from a live
 * one. Owner: one thread. Never: grows.
 */
#ifndef PENSTOCK_BASE_POOL_H
#define PENSTOCK_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool {
    uint8_t *mem;
    uint32_t *next; /* free list by slot, of slots that were given back */
    uint16_t *gen;  /* odd: in use */
    size_t size;    /* of one object, rounded up to whole cache lines */
    uint32_t cap, used, free_head;
    uint32_t fresh; /* slots from here on were never handed out, their pages never touched */
};

/*
 * Reserve cap objects of size bytes (virtual memory; pages are touched on first use). Objects are
 * aligned to 64 bytes. -ENOMEM; -EINVAL if size or cap is 0.
 */
int pool_init(struct pool *p, size_t size, uint32_t cap);
void pool_fini(struct pool *p);
/* A zeroed object, or NULL when all are taken. */
void *pool_get(struct pool *p);
/* Give an object back; its bytes are wiped. */
void pool_put(struct pool *p, void *obj);
uint32_t pool_slot(const struct pool *p, const void *obj);
uint16_t pool_gen(const struct pool *p, const void *obj);
/* The object in a slot if it is in use with this generation, else NULL. */
void *pool_at(const struct pool *p, uint32_t slot, uint16_t gen);
/* The object in a slot if it is in use whatever its generation, else NULL (for walks). */
void *pool_any(const struct pool *p, uint32_t slot);

#endif
