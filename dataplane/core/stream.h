/*
 * stream: what every kind of leg does with its byte stream, whatever carries it.
 *
 * Why: sending a block's pieces, parking what did not fit, and reading errors the same way on a
 * socket and on a TCP connection of our own. Owner: the leg's worker.
 */
#ifndef PENSTOCK_CORE_STREAM_H
#define PENSTOCK_CORE_STREAM_H

#include "dataplane/core/worker.h"

/*
 * Send io's pieces. When all went out the block is freed, else it is kept as leg->out.
 * 0 (look at leg->out) or -errno (the block is freed).
 */
int stream_send(struct worker *w, struct leg *leg, struct iobuf *io);
/* Go on with leg->out, the same way. */
int stream_flush(struct worker *w, struct leg *leg);
/* Send bytes as they are, behind what is waiting. 0 or -errno. */
int stream_send_bytes(struct worker *w, struct leg *leg, const uint8_t *data, size_t n);

/* What a failed read means: LEG_AGAIN, or LEG_FAILED with the leg's fault set. err: errno. */
enum leg_event stream_recv_error(struct leg *leg, int err);

#endif
