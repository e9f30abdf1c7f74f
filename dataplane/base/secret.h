/*
 * secret: wiping, moving and comparing key bytes.
 *
 * Why: a key exists once. It moves (the source is wiped), is compared in constant time, and is
 * wiped when done, also on the error path. Owner: the caller. Never: copies.
 */
#ifndef PENSTOCK_BASE_SECRET_H
#define PENSTOCK_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* Overwrite n bytes with zero in a way the compiler keeps. p may be NULL if n is 0. */
void secret_wipe(void *p, size_t n);
/* Copy n bytes from src to dst and wipe src. The areas must not overlap. */
void secret_move(void *dst, void *src, size_t n);
/* True if the n bytes are equal; time depends on n alone. */
bool secret_equal(const void *a, const void *b, size_t n);

#endif
