/*
 * policy_codec: what the parts of the policy codec share: an arena, and a reader that allocates
 * from it.
 *
 * Why: one image becomes many small tables; they live and die together.
 * Owner: private to wire/policy*.c. Never: allocates for elements that the image is too short for.
 */
#ifndef PENSTOCK_WIRE_POLICY_CODEC_H
#define PENSTOCK_WIRE_POLICY_CODEC_H

#include "dataplane/wire/policy.h"

struct arena_block;

struct policy_reader {
    struct buf b;
    struct arena_block *arena;
    uint8_t slices;
    bool no_memory; /* then b is bad too, but the image is not to blame */
};

/*
 * Zeroed room for count elements of size bytes, each of which takes at least `wire` bytes of the
 * image. The buffer goes bad when fewer are left, or when there is no memory. NULL for count 0.
 */
void *reader_take(struct policy_reader *r, size_t count, size_t size, size_t wire);
/* A string of the image in the arena; never NULL. */
const char *reader_string(struct policy_reader *r);
/* The same, of 1 to max bytes. */
const char *reader_string_within(struct policy_reader *r, size_t max);
/* A u16 count, then as many strings of 1 to max bytes. */
const char **reader_strings(struct policy_reader *r, uint16_t *n, size_t max);
/* A name of 1 to POLICY_NAME_MAX - 1 letters, digits, '.', '_', '-': it goes to logs as it is. */
void reader_name(struct policy_reader *r, char out[POLICY_NAME_MAX]);
/* A u16 that is an index into a table of `count`. */
uint16_t reader_index(struct policy_reader *r, uint16_t count);
/* A u16 count of blobs, then the blobs; and one blob. */
struct policy_blob *reader_blobs(struct policy_reader *r, uint16_t *n);
void reader_blob(struct policy_reader *r, struct policy_blob *out);
void arena_free(struct arena_block *arena);

void policy_put_tls(struct buf *b, const struct policy_tls *t, uint8_t slices);
struct policy_tls *policy_get_tls(struct policy_reader *r, const struct policy *p);
void policy_put_links(struct buf *b, const struct policy *p, uint8_t slices);
void policy_get_links(struct policy_reader *r, struct policy *p);
void policy_put_trust(struct buf *b, const struct policy *p);
void policy_get_trust(struct policy_reader *r, struct policy *p);
void policy_put_identities(struct buf *b, const struct policy *p, uint8_t slices);
void policy_get_identities(struct policy_reader *r, struct policy *p);
void policy_put_dpdk(struct buf *b, const struct policy *p);
void policy_get_dpdk(struct policy_reader *r, struct policy *p);

#endif
