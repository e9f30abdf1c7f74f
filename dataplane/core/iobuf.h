/*
 * iobuf: one block of bytes on its way from leg to leg, as pieces.
 *
 * Why: records are opened and sealed in place: a piece keeps the room around it that its record's
 * header and tag had, so the next leg can put its own there. A block belongs to a worker while it
 * moves and to a leg while that leg's socket is full. Owner: iobuf_get() from the worker's cache,
 * handed on by value of the pointer, iobuf_put() ends it. Never: more than one block waits for a
 * leg; many blocks that wait are large.
 */
#ifndef PENSTOCK_CORE_IOBUF_H
#define PENSTOCK_CORE_IOBUF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* IOBUF_RECORD: room of one record, and of our own around its content. IOBUF_FRONT: room before the
 * first piece. IOBUF_READ: bytes read at once, at most. */
#define IOBUF_RECORDS 32
#define IOBUF_RECORD  (16384 + 256 + 16)
#define IOBUF_FRONT   64
#define IOBUF_PIECES  640
#define IOBUF_READ    (IOBUF_RECORDS * IOBUF_RECORD)
#define IOBUF_MEM     (IOBUF_FRONT + IOBUF_READ + IOBUF_PIECES * 32)

struct iobuf {
    struct iobuf *next; /* in the cache */
    unsigned n, first;  /* pieces; the first that is not all sent */
    size_t bytes;       /* application bytes in all pieces */
    size_t gap;         /* least room between two pieces, and after the last */
    struct iovec piece[IOBUF_PIECES];
    uint8_t mem[IOBUF_MEM];
};

struct iobuf_cache {
    struct iobuf *free;
    unsigned n_free, live;
};

#define IOBUF_CACHED 8  /* blocks a worker keeps for the next event */
#define IOBUF_FEW    64 /* at once, or each is filled with so many records only: */
#define IOBUF_SMALL  8  /* memory that was never written costs nothing */

struct iobuf *iobuf_get(struct iobuf_cache *c);          /* empty; NULL when out of memory */
void iobuf_put(struct iobuf_cache *c, struct iobuf *io); /* NULL is harmless */
void iobuf_cache_fini(struct iobuf_cache *c);

/* How many records' room the next read may fill: who does not take what is sent holds little. */
unsigned iobuf_records(const struct iobuf_cache *c);

/*
 * Add a piece. A small one that follows another is moved up against it while both fit into one
 * record, so that many tiny records never need more than IOBUF_PIECES.
 */
void iobuf_add(struct iobuf *io, uint8_t *data, size_t n);

/* Lay out io's memory as IOBUF_RECORDS pieces of RECORD_PLAIN_MAX with room around each, for
 * reading. */
void iobuf_layout(struct iobuf *io, struct iovec iov[IOBUF_RECORDS]);
/* n bytes were read into that layout: make them pieces. */
void iobuf_filled(struct iobuf *io, const struct iovec iov[IOBUF_RECORDS], size_t n);

#endif
