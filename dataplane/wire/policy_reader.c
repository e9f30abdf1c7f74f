/* The policy codec's arena and its reader of elementary values. */
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/policy_codec.h"

#define ARENA_BLOCK (64 * 1024)
#define ARENA_ALIGN 8 /* all that the tables of a policy need */
#define STRING_WIRE 2 /* bytes of an empty string */
#define BLOB_WIRE   4

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    _Alignas(ARENA_ALIGN) uint8_t mem[];
};

static void *arena_alloc(struct policy_reader *r, size_t n)
{
    struct arena_block *block = r->arena;
    void *p;

    n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (!block || block->cap - block->used < n) {
        size_t cap = n > ARENA_BLOCK ? n : ARENA_BLOCK;
        block = calloc(1, sizeof *block + cap);
        if (!block) {
            r->no_memory = r->b.bad = true;
            return NULL;
        }
        block->next = r->arena;
        block->cap = cap;
        r->arena = block;
    }
    p = block->mem + block->used;
    block->used += n;
    return p;
}

void arena_free(struct arena_block *arena)
{
    while (arena) {
        struct arena_block *next = arena->next;
        free(arena);
        arena = next;
    }
}

void *reader_take(struct policy_reader *r, size_t count, size_t size, size_t wire)
{
    if (count > buf_left(&r->b) / wire)
        r->b.bad = true;
    return r->b.bad || count == 0 ? NULL : arena_alloc(r, count * size);
}

const char *reader_string(struct policy_reader *r)
{
    uint16_t n = buf_get_u16(&r->b);
    const uint8_t *src = buf_get_bytes(&r->b, n);
    char *s;

    if (src && memchr(src, 0, n))
        r->b.bad = true;
    if (r->b.bad || n == 0)
        return "";
    s = arena_alloc(r, (size_t)n + 1);
    if (!s)
        return "";
    memcpy(s, src, n);
    return s;
}

const char *reader_string_within(struct policy_reader *r, size_t max)
{
    const char *s = reader_string(r);

    if (!s[0] || strlen(s) > max)
        r->b.bad = true;
    return s;
}

const char **reader_strings(struct policy_reader *r, uint16_t *n, size_t max)
{
    const char **s;

    *n = buf_get_u16(&r->b);
    s = reader_take(r, *n, sizeof *s, STRING_WIRE + 1);
    for (unsigned i = 0; buf_ok(&r->b) && i < *n; i++)
        s[i] = reader_string_within(r, max);
    return s;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

void reader_name(struct policy_reader *r, char out[POLICY_NAME_MAX])
{
    buf_get_str(&r->b, out, POLICY_NAME_MAX);
    if (!out[0])
        r->b.bad = true;
    for (const char *c = out; *c; c++)
        if (!is_name_char(*c))
            r->b.bad = true;
}

uint16_t reader_index(struct policy_reader *r, uint16_t count)
{
    uint16_t v = buf_get_u16(&r->b);

    if (v >= count)
        r->b.bad = true;
    return v;
}

void reader_blob(struct policy_reader *r, struct policy_blob *out)
{
    size_t n;
    const uint8_t *src = buf_get_blob(&r->b, POLICY_IMAGE_MAX, &n);
    uint8_t *copy = src && n ? arena_alloc(r, n) : NULL;

    if (!copy) {
        r->b.bad = true; /* no table has use for an empty one */
        return;
    }
    memcpy(copy, src, n);
    out->data = copy;
    out->n = (uint32_t)n;
}

struct policy_blob *reader_blobs(struct policy_reader *r, uint16_t *n)
{
    struct policy_blob *p;

    *n = buf_get_u16(&r->b);
    p = reader_take(r, *n, sizeof *p, BLOB_WIRE + 1);
    for (unsigned i = 0; buf_ok(&r->b) && i < *n; i++)
        reader_blob(r, &p[i]);
    return p;
}
