/*
 * session: one live connection through a link; its states, and the only ways to begin, move and end
 * it.
 *
 * Why: what may follow what is a table (state.c), a session ends through session_close() alone,
 * with a reason, and leaves exactly one log line. Owner: one worker for life. Ids cross processes,
 * pointers never do.
 *
 *   ADMITTED -> SHAKING -> DIALLING -> (SHAKING_INNER) -> PUMPING -> CLOSING -> DRAINING -> FREE
 */
#ifndef PENSTOCK_CORE_SESSION_H
#define PENSTOCK_CORE_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/list.h"
#include "dataplane/base/timer.h"
#include "dataplane/core/gate.h"
#include "dataplane/core/leg.h"
#include "dataplane/wire/reason.h"

enum session_state {
    SESSION_FREE,
    SESSION_ADMITTED,      /* accepted; limits passed; reading a PROXY header if the link has one */
    SESSION_SHAKING,       /* the outer leg's handshake */
    SESSION_DIALLING,      /* looking for a target that answers */
    SESSION_SHAKING_INNER, /* the inner leg's handshake */
    SESSION_PUMPING,
    SESSION_CLOSING,  /* last words (an alert) are leaving, what still comes in is discarded */
    SESSION_DRAINING, /* waiting for what is in flight in the ring */
    SESSION_STATES
};

/* What only a session that is being set up needs; freed when it pumps. */
struct shake {
    struct negotiated outer, inner;
    uint64_t tried;      /* targets already tried, by index */
    uint32_t dial_token; /* unix: targets: the launcher answers to this; 0: none */
    uint32_t dial_error; /* errno of the last target that failed */
    uint16_t listener;
    struct addr proxy_dst; /* destination an inbound PROXY header told */
};

struct session {
    uint64_t id;
    enum session_state state;
    struct worker *worker;
    struct gate *gate;          /* counted: the revision it began under, or was moved to */
    struct gate_link *link;     /* NULL until known (SNI) */
    struct target_live *target; /* counted in sessions */
    uint16_t target_index;
    bool counted_live, counted_shaking;
    bool pumped;       /* it carried data: ends as a session, not as a refusal */
    bool lasting;      /* its legs have the options of one that lives longer than a tick */
    struct leg leg[2]; /* by enum leg_side */
    struct addr local; /* where the outer leg arrived */
    struct shake *shake;
    struct timer timer;
    struct list node; /* in the worker's ready list, when it has work without an event */
    uint64_t start_ms, active_ms, deadline_ms;
    uint64_t bytes[2]; /* application bytes: [LEG_OUTER] received there (up), [LEG_INNER] down */
    uint32_t inflight; /* operations in the ring */
    enum reason reason;
    uint8_t peer_alert;
    char text[HANDOFF_TEXT_MAX];
    char peer_name[96]; /* presented by a refused peer */
};

#define session_up(s)   ((s)->bytes[LEG_OUTER])
#define session_down(s) ((s)->bytes[LEG_INNER])

static inline struct leg *leg_other(struct session *s, struct leg *leg)
{
    return &s->leg[!leg->side];
}

const char *session_state_name(enum session_state st);

/*
 * The only writer of s->state. A move that the table or the new state's invariant forbids ends the
 * session with REASON_INTERNAL and returns false.
 */
bool session_move(struct session *s, enum session_state to);

/* A session for an accepted connection, in ADMITTED; NULL when the worker is full. */
struct session *session_new(struct worker *w, struct gate *g);

/* The link is known: enter it in its counters. False when a per-link limit is reached (*why). */
bool session_enter_link(struct session *s, struct gate_link *l, enum reason *why);

/*
 * End it, for this reason (text may be NULL: detail for the log). The first call counts; afterwards
 * the session only winds down. Clean only for REASON_CLOSED: otherwise TLS legs get the reason's
 * alert where that is possible, plain legs a reset.
 */
void session_close(struct session *s, enum reason reason, const char *text);

/* The net's last word: nothing is in flight, descriptors are closed. Logs, wipes and frees. */
void session_gone(struct session *s);

/* When this session's timer should fire next, from its state and limits. */
void session_arm_timer(struct session *s);
/* Its timer fired. */
void session_timer(struct session *s);

/* The session of an id, or NULL (stale: counted). */
struct session *session_find(struct worker *w, uint64_t id);

#endif
