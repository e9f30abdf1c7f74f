/*
 * explain: what mgmt asks the judge on a channel of their own: why would this chain be let in, or
 * not?
 *   mgmt: ASK(link, side, chain, time)        judge: ANSWER(allow and rule, or every reason)
 *   mgmt: ATTACH (image, CRL tables), BUILD   judge: BUILT(error)     a revision on trial
 *
 * Why: an operator who wants to know gets the handshake's own verdict, not another program's guess;
 * also under a configuration that does not run yet: whom would it cut?
 * Owner: pure over the caller's memory. One question, one answer, in order. ATTACH and BUILD have
 * the bodies of control.h; BUILD of revision 0 forgets the one on trial, and so does the next.
 */
#ifndef PENSTOCK_WIRE_EXPLAIN_H
#define PENSTOCK_WIRE_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/wire/facts.h"
#include "dataplane/wire/handoff.h"
#include "dataplane/wire/policy.h"
#include "dataplane/wire/reason.h"

#define EXPLAIN_REASONS 8

enum explain_type {
    EXPLAIN_ASK = 64,
    EXPLAIN_ANSWER,
    EXPLAIN_ATTACH, /* struct control_attach, with its descriptor */
    EXPLAIN_BUILD,  /* the revision's number */
    EXPLAIN_BUILT,  /* 0, or an errno */
};

struct explain_ask {
    bool trial;                 /* under the revision on trial, not under the current one */
    char link[POLICY_NAME_MAX]; /* of that revision */
    uint8_t side;               /* enum leg_side */
    int64_t at_s;               /* wall clock; 0: now */
    const uint8_t *chain;       /* as in handoff: each DER with a u32 length before it */
    size_t n_chain;
};

struct explain_answer {
    uint64_t revision;
    bool known; /* there is such a link, and TLS on this side of it */
    bool allow;
    uint16_t rule; /* when allow */
    int64_t until; /* when allow: it would have to be judged again then */
    uint8_t n;     /* when not: at least one */
    struct {
        enum reason reason;
        char text[HANDOFF_TEXT_MAX];
    } reasons[EXPLAIN_REASONS];
};

/* put writes the body; get reads it and returns 0 or -EPROTO (malformed, left over). */
void explain_put_ask(struct buf *b, const struct explain_ask *m);
int explain_get_ask(struct buf *b, struct explain_ask *m);
void explain_put_answer(struct buf *b, const struct explain_answer *m);
int explain_get_answer(struct buf *b, struct explain_answer *m);

#endif
