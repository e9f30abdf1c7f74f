/*
 * tally: what one process counted, in memory that it shares with its parent.
 *
 * Why: the parent shows progress while its processes work and adds up their results at the end,
 * histograms included, without a protocol between them. Owner: each block has one writer, its
 * process; the parent reads counters at any time (each alone is whole) and the rest after the
 * process has ended. `go_ns` is the parent's to write, once.
 */
#ifndef PENSTOCK_LOAD_TALLY_H
#define PENSTOCK_LOAD_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "perf/load/hist.h"

/* How an attempt or a session failed; the names are in tally_fault_name(). */
enum fault {
    FAULT_NONE,
    FAULT_NO_PORTS,      /* no own port or address left: use --source */
    FAULT_NO_FILES,      /* out of descriptors or memory here */
    FAULT_CONNECT,       /* refused or unreachable */
    FAULT_CONNECT_TIME,  /* no answer in time */
    FAULT_SHAKE_ALERT,   /* the gateway ended the handshake with an alert */
    FAULT_SHAKE_END,     /* the connection ended in the handshake */
    FAULT_SHAKE_TIME,    /* the handshake took too long */
    FAULT_SHAKE_LOCAL,   /* we ended it: its certificate, its parameters */
    FAULT_REFUSED,       /* ended after our last message, before the backend greeted */
    FAULT_REFUSED_TIME,  /* the backend's greeting did not come in time */
    FAULT_SESSION_ALERT, /* an established session ended with an alert */
    FAULT_SESSION_END,   /* ... without close_notify, or before its time */
    FAULT_BAD_RECORD,    /* what came could not be opened */
    FAULT_ANSWER_TIME,   /* a request was not answered in time */
    FAULT_LOST_BYTES,    /* the backend's receipt says that it got less than was sent */
    FAULT_CLOSE_TIME,    /* our close_notify was not answered in time */
    FAULT_COUNT
};

struct counts {
    uint64_t attempts;    /* connections begun */
    uint64_t handshakes;  /* done, as the client sees it */
    uint64_t established; /* greeted by the backend: let in for certain */
    uint64_t closed;      /* established sessions that ended as they should */
    uint64_t receipts;    /* backend confirmed every byte (bulk up) */
    uint64_t exchanges;   /* requests answered */
    uint64_t up, down;    /* bytes of content, tasks and greetings included */
    uint64_t faults[FAULT_COUNT];
    uint64_t alerts[256]; /* that came, by their number, close_notify apart */
};

enum tally_step { STEP_SETUP, STEP_READY, STEP_RUN, STEP_DRAIN, STEP_DONE };

struct tally {
    _Atomic int step;         /* enum tally_step; the process writes */
    _Atomic uint64_t go_ns;   /* when to begin; 0: not yet; the parent writes */
    _Atomic uint64_t open;    /* sessions established at this moment */
    struct counts all;        /* of the whole run */
    struct counts begin, end; /* as `all` was at the window's ends */
    uint64_t cpu_ns;          /* this process's, in the window */
    uint64_t window_ns;       /* how long the window was in truth */
    uint64_t setup_ns;        /* until every session was up */
    uint64_t unanswered;      /* requests due in the window and never answered */
    uint64_t unfinished;      /* attempts and sessions cut off by the end of the run */
    uint64_t most_open;
    struct hist shake; /* from when it was due to the end of the handshake at the client, ns */
    struct hist ready; /* ... to the backend's greeting */
    struct hist trip;  /* from when a request was due to the last byte of its answer */
};

const char *tally_fault_name(enum fault f);
/* *to += *from, minus nothing. */
void counts_add(struct counts *to, const struct counts *from);
/* *to = *end - *begin. */
void counts_between(struct counts *to, const struct counts *begin, const struct counts *end);
uint64_t counts_faults(const struct counts *c); /* of all kinds */

#endif
