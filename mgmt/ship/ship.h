/*
 * ship: log lines and audit rows to a collector, by syslog over TLS with both ends proven.
 *
 *   log.syslog of the document -> a link of the gateway's own (penstock.log), without a listener
 *   this process -> a stream that only that link carries (control.h, CALL) -> the collector
 *
 * Why: the link proves the collector as any peer (trust, revocation, name, rules) and our identity
 * with a key that stays in the keyring; a syslog daemon would want that key as a file. What waits
 * is the journal (journal.h), which is bounded; what was lost is said in the stream and counted.
 * Owner: the manager. Never: waits for the collector; has two connections; sends part of a frame
 * and goes on with another.
 */
#ifndef PENSTOCK_MGMT_SHIP_SHIP_H
#define PENSTOCK_MGMT_SHIP_SHIP_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include "dataplane/base/err.h"
#include "mgmt/journal.h"
#include "mgmt/ship/syslog.h"

#define SHIP_LINK "penstock.log"

struct manager;

struct ship {
    int fd;       /* -1: none */
    json_t *wish; /* what the document said last; NULL: nothing */
    bool asked;
    enum log_level least;
    struct journal_at at;
    uint64_t audit;             /* the last row that was sent */
    uint64_t audit_ms, next_ms; /* when to look for rows, and to connect, again */
    uint64_t since_ms;          /* this connection's beginning */
    unsigned failures;
    char frame[SYSLOG_FRAME]; /* on its way */
    size_t n, out;
    uint64_t sent, lost, connections; /* frames; lines; ever */
    char host[256];
};

void ship_init(struct ship *s);
/* Does the document ask for it? */
bool ship_is_asked(const json_t *document);
/* Fill in the link (in place). 0 or -EINVAL with *e. */
int ship_fill(json_t *document, struct err *e);
/* The running document; call after each revision. */
void ship_follow(struct manager *m);
/* One row to wait on; and what can be done now. */
void ship_poll(const struct manager *m, struct pollfd *p);
void ship_run(struct manager *m, uint64_t now_ms);
/* {"connected", "sent", "lost", "connections"}, or NULL: it is not asked for. */
json_t *ship_json(const struct manager *m);

#endif
