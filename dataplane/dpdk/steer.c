#include "dataplane/dpdk/steer.h"

#include <string.h>
#include <sys/random.h>
#include "dataplane/base/check.h"

/* 32 bits of the key, from that bit on. */
static uint32_t key_at(const uint8_t *key, unsigned bit)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 5; i++)
        v = v << 8 | key[bit / 8 + i];
    return (uint32_t)(v >> (8 - bit % 8));
}

void steer_init(struct steer *s, unsigned workers, const uint8_t key[STEER_KEY])
{
    s->workers = workers;
    if (key)
        memcpy(s->key, key, sizeof s->key);
    else
        check(getrandom(s->key, sizeof s->key, 0) == sizeof s->key);
    memset(s->table, 0, sizeof s->table);
    for (unsigned i = 0; i < STEER_INPUT; i++)
        for (unsigned v = 0; v < 256; v++)
            for (unsigned bit = 0; bit < 8; bit++)
                if (v & 0x80u >> bit)
                    s->table[i][v] ^= key_at(s->key, 8 * i + bit);
}

static uint32_t add(const struct steer *s, unsigned *at, const void *bytes, unsigned n)
{
    const uint8_t *p = bytes;
    uint32_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum ^= s->table[(*at)++][p[i]];
    return sum;
}

uint32_t steer_hash(const struct steer *s, const struct tuple *t)
{
    unsigned at = 0, n = t->v6 ? 16 : 4;
    uint32_t sum = add(s, &at, t->remote, n);

    sum ^= add(s, &at, t->local, n);
    sum ^= add(s, &at, &t->remote_port, 2);
    return sum ^ add(s, &at, &t->local_port, 2);
}
