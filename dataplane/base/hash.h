/*
 * hash: SipHash-2-4 for tables whose keys strangers choose.
 * Why: an unkeyed hash lets a stranger pick colliding keys. Source of the algorithm: Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF", with its test vectors in the unit test.
 */
#ifndef PENSTOCK_BASE_HASH_H
#define PENSTOCK_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
    uint64_t k0, k1;
};

/* A random key from getrandom(2); aborts if the kernel gives none. */
void hash_key_init(struct hash_key *k);
uint64_t hash_bytes(const struct hash_key *k, const void *data, size_t n);

#endif
