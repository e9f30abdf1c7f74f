/*
 * chunks: a stream of bytes in authenticated pieces.
 *
 * Why: a backup is written while it is made and read while it comes, and no byte of it may be used
 * before it is proven. Each piece is AES-256-GCM under the file's own key; its nonce is its number
 * and whether it is the last, so that pieces which were dropped, moved, repeated or added do not
 * open; the file's head is additional data of each.
 * Owner: plain values; the key is wiped by chunks_fini(). Never: one key for two files (the salt).
 */
#ifndef PENSTOCK_MGMT_BACKUP_CHUNKS_H
#define PENSTOCK_MGMT_BACKUP_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/wire/backup.h"

#define CHUNK_DATA (64u * 1024)
#define CHUNK_TAG  16u
#define CHUNK_ROOM (CHUNK_DATA + CHUNK_TAG)

struct chunks {
    uint8_t key[BACKUP_KEY], head[BACKUP_HEAD];
    uint32_t next; /* number of a piece */
    bool ended;
};

/* The key is copied. */
void chunks_init(struct chunks *c, const uint8_t key[BACKUP_KEY], const uint8_t head[BACKUP_HEAD]);
void chunks_fini(struct chunks *c);
/* n bytes (1 to CHUNK_DATA; all but the last have CHUNK_DATA) into n + CHUNK_TAG. 0 or -EIO. */
int chunks_seal(struct chunks *c, const uint8_t *data, size_t n, bool last, uint8_t *out);
/* n bytes of a piece with its tag into n - CHUNK_TAG. 0 or -EBADMSG: it is not what was written. */
int chunks_open(struct chunks *c, const uint8_t *piece, size_t n, bool last, uint8_t *out);

#endif
