/*
 * codec: what the codecs of this folder share on top of buf: bounded values, addresses, the end.
 *
 * Why: a decoder takes only what the encoder writes, one spelling for each value, so that a message
 * that decodes encodes to the same bytes again; and an encoder writes nothing that the decoder at
 * the other end would refuse, because that would cost the channel.
 * Owner: private to dataplane/wire. Never: repairs a value; it makes the buffer bad.
 */
#ifndef PENSTOCK_WIRE_CODEC_H
#define PENSTOCK_WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/buf.h"

/* A decoder's last word: 0 if all bytes were read and none was missing or wrong, else -EPROTO. */
int codec_done(const struct buf *b);

/* A u8 of at most max. */
uint8_t codec_get_upto(struct buf *b, uint8_t max);
/* A u8 that is 0 or 1. */
bool codec_get_bool(struct buf *b);
/* Copy n bytes; out is untouched when they are not there. */
void codec_get_array(struct buf *b, void *out, size_t n);
/* A u32 that holds 0 or an errno (positive). */
int32_t codec_get_errno(struct buf *b);

/* A blob of at most max bytes, the bound that its decoder gives to buf_get_blob(). */
void codec_put_blob(struct buf *b, const void *src, size_t n, size_t max);

/* An address as text, "" when unspecified, which is good only where it is optional. */
void codec_put_addr(struct buf *b, const struct addr *a);
void codec_get_addr(struct buf *b, struct addr *a);          /* one must be there */
void codec_get_addr_optional(struct buf *b, struct addr *a); /* len 0 when it is not */

#endif
