/*
 * buf: the one bounded cursor through which every message is written and read.
 *
 * Why: bounds are checked in one place. Errors stick: after the first overrun every put is a no-op
 * and every get returns zero, so a codec reads straight down and asks buf_ok() once at its end.
 * Owner: the struct is the caller's; buf_init() borrows memory, never frees it.
 * Never: reads past `len` or writes past `cap`. All integers are big-endian.
 */
#ifndef PENSTOCK_BASE_BUF_H
#define PENSTOCK_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t cap; /* bytes that may be written */
    size_t len; /* bytes that are valid (written, or given to read) */
    size_t pos; /* next byte to read */
    bool bad;   /* an overrun or a bad value happened */
};

/* A buffer to write into `cap` bytes at mem, empty. */
void buf_init(struct buf *b, void *mem, size_t cap);
/* A buffer to read `len` bytes at mem; must not be written to. */
void buf_init_read(struct buf *b, const void *mem, size_t len);

void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_bytes(struct buf *b, const void *src, size_t n);
/* u32 length, then the bytes. */
void buf_put_blob(struct buf *b, const void *src, size_t n);
/* u16 length, then the bytes without the terminator; s may be NULL (length 0). */
void buf_put_str(struct buf *b, const char *s);

uint8_t buf_get_u8(struct buf *b);
uint16_t buf_get_u16(struct buf *b);
uint32_t buf_get_u32(struct buf *b);
uint64_t buf_get_u64(struct buf *b);
/* Borrow n bytes in place; NULL (and bad) if fewer are left. Valid while the memory is. */
const uint8_t *buf_get_bytes(struct buf *b, size_t n);
/* Borrow a blob of at most max bytes in place; *n gets its length. NULL and bad if longer. */
const uint8_t *buf_get_blob(struct buf *b, size_t max, size_t *n);
/* Copy a string of at most cap-1 bytes to out, terminated; a NUL inside or a longer one is bad. */
void buf_get_str(struct buf *b, char *out, size_t cap);

size_t buf_left(const struct buf *b); /* bytes not yet read; 0 when bad */
bool buf_ok(const struct buf *b);     /* no overrun so far */
bool buf_done(const struct buf *b);   /* ok, and every byte was read (a decoder's last question) */

#endif
