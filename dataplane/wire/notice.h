/*
 * notice: what a worker tells mgmt unasked: refused handshakes, and sessions that had to end.
 *
 * Why: an operator sees who was turned away and why, with the chain that was presented, and a cut
 * as it happens. Notices are rows in a message, as many as there are at the end of a turn.
 * Owner: pure over the caller's memory; the chain borrows from the message after get. One way:
 * worker to mgmt. Never: holds up the worker: what finds no room is counted, and LOST says so.
 */
#ifndef PENSTOCK_WIRE_NOTICE_H
#define PENSTOCK_WIRE_NOTICE_H

#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/buf.h"
#include "dataplane/wire/handoff.h"
#include "dataplane/wire/policy.h"

#define NOTICE_ROWS 1 /* the only type of message on this channel */

enum notice_kind { NOTICE_REFUSED = 1, NOTICE_ENDED, NOTICE_LOST };

struct notice {
    uint8_t kind;
    uint32_t count; /* LOST: rows */
    /* REFUSED, ENDED */
    int64_t at_ms; /* wall clock */
    uint64_t session, revision;
    char link[POLICY_NAME_MAX]; /* "" when none was chosen yet */
    uint8_t side;               /* enum leg_side: which one it was about */
    enum reason reason;
    char text[HANDOFF_TEXT_MAX];
    char peer[256]; /* the presented leaf's name; "" if none */
    struct addr source, target;
    /* ENDED */
    uint64_t up_bytes, down_bytes, age_ms;
    /* REFUSED: every check that failed, and what was presented, if it came so far */
    uint8_t n_reasons;
    struct handoff_reason reasons[HANDOFF_REASONS];
    const uint8_t *chain; /* as in handoff */
    size_t n_chain;
};

/* put appends a row; get takes the next one: 0, or -EPROTO. A message ends with a row. */
void notice_put(struct buf *b, const struct notice *m);
int notice_get(struct buf *b, struct notice *m);

#endif
