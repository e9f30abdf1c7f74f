/*
 * bundle: an update in one file, read as a stream: a signed head, then the parts that it names.
 *
 *   16 bytes  "penstock-update\n"
 *   u16       format (1)           u64  version: YYYYMMDDHHMMSS as a number
 *   32 bytes  the root's dm-verity hash
 *   3 times   u64 size, 32 bytes SHA-256: root, tree, kernel (big-endian like every message here)
 *   64 bytes  Ed25519 over all before it
 *   root, tree and kernel, one after the other, and nothing behind them
 *
 * Why: it is larger than what may be held in memory, so nothing is kept: the signature comes first
 * and vouches for the hashes, each part is hashed while it passes. Owner: the caller feeds it, from
 * anywhere; no files here. Never: hands on a byte before the signature holds, or takes a part whose
 * hash is another.
 */
#ifndef PENSTOCK_IMAGE_BUNDLE_H
#define PENSTOCK_IMAGE_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"

#define BUNDLE_MAGIC         "penstock-update\n"
#define BUNDLE_MAGIC_BYTES   16
#define BUNDLE_HASH          32
#define BUNDLE_KEY           32 /* Ed25519 public key */
#define BUNDLE_SIGNATURE     64
#define BUNDLE_SIGNED_BYTES  (BUNDLE_MAGIC_BYTES + 2 + 8 + BUNDLE_HASH + 3 * (8 + BUNDLE_HASH))
#define BUNDLE_HEAD_BYTES    (BUNDLE_SIGNED_BYTES + BUNDLE_SIGNATURE)
#define BUNDLE_BLOCK         4096           /* root and tree are whole ones of these */
#define BUNDLE_PART_MAX      (1ULL << 30)   /* bytes; partitions are smaller */
#define BUNDLE_VERSION_FIRST 10000101000000 /* years have four digits */
#define BUNDLE_VERSION_LAST  99991231235959

enum bundle_part { BUNDLE_ROOT, BUNDLE_TREE, BUNDLE_KERNEL, BUNDLE_PARTS };

struct bundle_head {
    uint64_t version;
    uint8_t root_hash[BUNDLE_HASH]; /* its first half is the UUID in the tree's superblock */
    struct {
        uint64_t size;
        uint8_t sha256[BUNDLE_HASH];
    } parts[BUNDLE_PARTS];
};

/* Where the parts go. Each returns 0 or -errno with *e, which ends the reading. */
struct bundle_sink {
    /* The signature holds: may this come? */
    int (*head)(void *arg, const struct bundle_head *h, struct err *e);
    /* n bytes at this place of the part; the places follow each other. */
    int (*data)(void *arg, enum bundle_part part, uint64_t at, const uint8_t *data, size_t n,
                struct err *e);
};

struct bundle_reader;

/*
 * The signed part of a head, without the signature. put writes BUNDLE_SIGNED_BYTES; get returns 0,
 * or -EPROTO: no head of this format, a size or a version out of its bounds, bytes left over.
 */
void bundle_put_head(struct buf *b, const struct bundle_head *h);
int bundle_get_head(struct buf *b, struct bundle_head *h);

/*
 * A reader of one bundle. key: BUNDLE_KEY bytes of the public key that it must be signed with;
 * sink, arg: the caller's, as long as the reader. NULL: out of memory, or no key.
 */
struct bundle_reader *bundle_new(const uint8_t key[BUNDLE_KEY], const struct bundle_sink *sink,
                                 void *arg);
void bundle_free(struct bundle_reader *r); /* NULL is harmless */

/*
 * The next n bytes. 0, or -errno with *e, for good: -EPROTO (no bundle, bytes behind the end),
 * -EKEYREJECTED (signature), -EBADMSG (a part's hash), or what the sink said.
 */
int bundle_feed(struct bundle_reader *r, const uint8_t *data, size_t n, struct err *e);

/* There is no more. 0: it was whole; -EPROTO with *e: it was not; or what was said before. */
int bundle_end(struct bundle_reader *r, struct err *e);

#endif
