/*
 * fibre_sanitizer: tells AddressSanitizer and ThreadSanitizer which stack runs. Private to fibre.c;
 * in a build without them every function is empty.
 */
#ifndef PENSTOCK_HANDSHAKE_FIBRE_SANITIZER_H
#define PENSTOCK_HANDSHAKE_FIBRE_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>

struct fibre_sanitizer {
    const void *stack, *outer_stack;
    size_t size, outer_size;
    void *fake, *outer_fake;   /* ASan's */
    void *fibre, *outer_fibre; /* TSan's */
};

void fibre_sanitizer_init(struct fibre_sanitizer *w, const void *stack, size_t size);
void fibre_sanitizer_fini(struct fibre_sanitizer *w);
void fibre_sanitizer_enters(struct fibre_sanitizer *w);  /* outside, about to switch in */
void fibre_sanitizer_arrived(struct fibre_sanitizer *w); /* inside, just switched in */
void fibre_sanitizer_leaves(struct fibre_sanitizer *w, bool for_good); /* inside, about to go */
void fibre_sanitizer_back(struct fibre_sanitizer *w);                  /* outside again */

#endif
