/*
 * frame: finding whole records in a byte stream.
 *
 * Why: before KEYED exactly one record at a time may leave the socket, and afterwards the soft
 * engine cuts a buffer into records; both ask here.
 */
#ifndef PENSTOCK_RECORD_FRAME_H
#define PENSTOCK_RECORD_FRAME_H

#include <stddef.h>
#include <stdint.h>

/*
 * Look at the n bytes at p. Returns the size of the whole record they begin with (header included)
 * once all 5 header bytes are there, whether or not its body is; 0 when fewer than 5 bytes are
 * there; -EPROTO when they can not begin a record (type outside 20..23, version major not 3);
 * -EMSGSIZE when its body would be longer than max_body.
 */
long frame_size(const uint8_t *p, size_t n, size_t max_body);

#endif
