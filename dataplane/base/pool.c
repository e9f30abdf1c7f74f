#include "dataplane/base/pool.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"

#define POOL_NONE  UINT32_MAX
#define POOL_ALIGN ((size_t)64) /* a cache line: neighbours never share one */

/* Zeroed address space that costs memory only page by page, when first touched. */
static void *reserve(size_t n)
{
    void *mem = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1, 0);

    return mem == MAP_FAILED ? NULL : mem;
}

static void release(void *mem, size_t n)
{
    if (mem)
        munmap(mem, n);
}

static bool in_use(const struct pool *p, uint32_t slot)
{
    return p->gen[slot] & 1;
}

static void *object(const struct pool *p, uint32_t slot)
{
    return p->mem + (size_t)slot * p->size;
}

int pool_init(struct pool *p, size_t size, uint32_t cap)
{
    struct pool made = {.cap = cap, .free_head = POOL_NONE};

    if (!size || !cap || cap == POOL_NONE)
        return -EINVAL;
    if (size > SIZE_MAX - POOL_ALIGN)
        return -ENOMEM;
    made.size = (size + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    if (made.size > PTRDIFF_MAX / cap)
        return -ENOMEM;
    made.mem = reserve(made.size * cap);
    made.next = reserve(sizeof(*made.next) * cap);
    made.gen = reserve(sizeof(*made.gen) * cap);
    if (!made.mem || !made.next || !made.gen) {
        pool_fini(&made);
        return -ENOMEM;
    }
    *p = made;
    return 0;
}

void pool_fini(struct pool *p)
{
    release(p->mem, p->size * p->cap);
    release(p->next, sizeof(*p->next) * p->cap);
    release(p->gen, sizeof(*p->gen) * p->cap);
    *p = (struct pool){.free_head = POOL_NONE};
}

void *pool_get(struct pool *p)
{
    uint32_t slot;

    /* Returned slots first: their pages are already there. */
    if (p->free_head != POOL_NONE) {
        slot = p->free_head;
        p->free_head = p->next[slot];
    } else if (p->fresh < p->cap) {
        slot = p->fresh++;
    } else {
        return NULL;
    }
    p->gen[slot]++;
    p->used++;
    check(in_use(p, slot));
    return object(p, slot); /* zero: fresh from the kernel, or wiped by pool_put() */
}

void pool_put(struct pool *p, void *obj)
{
    uint32_t slot = pool_slot(p, obj);

    check(in_use(p, slot));
    secret_wipe(obj, p->size);
    p->gen[slot]++;
    p->next[slot] = p->free_head;
    p->free_head = slot;
    p->used--;
}

uint32_t pool_slot(const struct pool *p, const void *obj)
{
    size_t offset = (size_t)((uintptr_t)obj - (uintptr_t)p->mem);

    check(offset < p->size * p->cap && offset % p->size == 0);
    return (uint32_t)(offset / p->size);
}

uint16_t pool_gen(const struct pool *p, const void *obj)
{
    return p->gen[pool_slot(p, obj)];
}

void *pool_at(const struct pool *p, uint32_t slot, uint16_t gen)
{
    if (slot >= p->cap || !in_use(p, slot) || p->gen[slot] != gen)
        return NULL;
    return object(p, slot);
}

void *pool_any(const struct pool *p, uint32_t slot)
{
    return slot < p->cap && in_use(p, slot) ? object(p, slot) : NULL;
}
