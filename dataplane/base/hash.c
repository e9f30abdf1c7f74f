#include "dataplane/base/hash.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/base/check.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

void hash_key_init(struct hash_key *k)
{
    ssize_t n;

    do {
        n = getrandom(k, sizeof(*k), 0);
    } while (n < 0 && errno == EINTR);
    check(n == (ssize_t)sizeof(*k));
}

uint64_t hash_bytes(const struct hash_key *k, const void *data, size_t n)
{
    const uint8_t *p = data;
    size_t tail = n % 8;
    uint64_t word;
    struct sip s = {
        /* The paper's constants: the ASCII of "somepseudorandomlygeneratedbytes". */
        .v0 = k->k0 ^ 0x736f6d6570736575,
        .v1 = k->k1 ^ 0x646f72616e646f6d,
        .v2 = k->k0 ^ 0x6c7967656e657261,
        .v3 = k->k1 ^ 0x7465646279746573,
    };

    for (const uint8_t *end = p + (n - tail); p != end; p += 8) {
        memcpy(&word, p, 8);
        sip_word(&s, le64toh(word));
    }
    word = (uint64_t)n << 56;
    for (size_t i = 0; i < tail; i++)
        word |= (uint64_t)p[i] << (8 * i);
    sip_word(&s, word);

    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
