/*
 * policy_codec: what the parts of the policy codec share: an arena and a reader that allocates from
 * it.
 *
 * Why: one image becomes many small tables; they live and die together.
 * Owner: private to wire/policy*.c. Never: allocates more than the image's size can justify.
 */
#ifndef PENSTOCK_WIRE_POLICY_CODEC_H
#define PENSTOCK_WIRE_POLICY_CODEC_H

#include "dataplane/wire/policy.h"

struct arena_block;

struct policy_reader {
    struct buf b;
    struct arena_block **arena;
    uint8_t slices;
};

/* count zeroed elements of size bytes; the buffer goes bad when there is no memory, or when fewer
 * bytes are left in the image than elements are promised. NULL for count 0. */
void *reader_take(struct policy_reader *r, size_t count, size_t size);
/* A string of the image in the arena; never NULL while the buffer is good. */
const char *reader_string(struct policy_reader *r);
void reader_blob(struct policy_reader *r, struct policy_blob *out);
/* A u8 of at most max, else bad. */
uint8_t reader_upto(struct policy_reader *r, uint8_t max);

void policy_put_links(struct buf *b, const struct policy *p, uint8_t slices);
void policy_get_links(struct policy_reader *r, struct policy *p);
void policy_put_trust(struct buf *b, const struct policy *p);
void policy_get_trust(struct policy_reader *r, struct policy *p);
void policy_put_identities(struct buf *b, const struct policy *p, uint8_t slices);
void policy_get_identities(struct policy_reader *r, struct policy *p);

#endif
