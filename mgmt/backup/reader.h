/*
 * reader: a backup file as it comes: head, pieces, records.
 *
 * Why: the file may be 512 MiB and arrives in whatever parts TCP makes; of what has come no more is
 * held than one piece and one record. Owner: whoever restores. Never: hands on a byte whose piece
 * has not proven it; takes a file that ends early, or goes on.
 */
#ifndef PENSTOCK_MGMT_BACKUP_READER_H
#define PENSTOCK_MGMT_BACKUP_READER_H

#include "mgmt/backup/chunks.h"
#include "mgmt/backup/records.h"

#define READER_FILE_MAX (512u * 1024 * 1024)

struct reader {
    struct chunks chunks;
    struct records records;
    uint64_t total;
    size_t n;
    uint8_t piece[CHUNK_ROOM], data[CHUNK_DATA];
};

/* Judge a head. 0 with *h, or -errno with *e, for whoever holds the file. */
int reader_head(const uint8_t head[BACKUP_HEAD], struct backup_head *h, struct err *e);
/* What follows the head, under its key. */
void reader_init(struct reader *r, const uint8_t key[BACKUP_KEY], const uint8_t head[BACKUP_HEAD]);
void reader_fini(struct reader *r);
/* More of the file; its end. 0 or -errno with *e: -EKEYREJECTED (wrong passphrase), -EBADMSG, ...
 */
int reader_feed(struct reader *r, const uint8_t *p, size_t n, struct err *e);
int reader_end(struct reader *r, struct err *e);

#endif
