/*
 * events: what has happened, as it happens, and the refused handshakes of the last hour.
 *
 *   workers' notices (dataplane/wire/notice.h), revisions, dates that come near -> events
 *
 * Why: an operator who watches sees a cut, a refusal, a new revision at once; one who comes later
 * finds the chain that was refused, and all that was wrong with it. What a change of trust cut goes
 * to the audit too, summed by peer and reason, so that 5,000 sessions of one partner are one row.
 * Owner: the manager. Both are rings of a bounded size in memory: a restart forgets them.
 * Never: waits for a reader; keeps a secret (a chain is none).
 */
#ifndef PENSTOCK_MGMT_EVENTS_H
#define PENSTOCK_MGMT_EVENTS_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_MAX          4096
#define EVENTS_BYTES        (4u * 1024 * 1024)
#define EVENTS_REFUSALS     1024
#define EVENTS_REFUSAL_ROOM (8u * 1024 * 1024) /* bytes of chains */
#define EVENTS_REFUSAL_S    3600
#define EVENTS_WORKERS      64

struct manager;

struct event {
    uint64_t id; /* 1 and up */
    const char *type;
    char *data; /* JSON in one line */
    size_t n;
};

struct refusal {
    uint64_t id;
    int64_t at_s;
    json_t *facts; /* without the chain */
    uint8_t *chain;
    size_t n_chain;
};

struct events {
    int fds[EVENTS_WORKERS]; /* of workers, -1: none */
    bool begun;
    struct event ring[EVENTS_MAX];
    uint64_t last;  /* id of the newest event; 0: none yet */
    uint64_t first; /* id of the oldest that is kept */
    size_t bytes;
    struct refusal refusals[EVENTS_REFUSALS];
    uint64_t last_refusal, first_refusal;
    size_t chain_bytes;
    uint64_t lost;     /* notices that found no room on their way */
    json_t *cuts;      /* for the audit: "link/reason" -> row */
    int64_t cuts_at_s; /* when they are written */
    json_t *logins;    /* refused ones of the management link, in the same form */
    int64_t logins_at_s;
};

/* A worker's channel (taken). */
void events_take(struct manager *m, unsigned worker, int fd);
/* Rows to wait on, into p (EVENTS_WORKERS); how many. */
unsigned events_poll(const struct manager *m, struct pollfd *p);
/* Read what has come, write down what is due. */
void events_run(struct manager *m, int64_t now_s);
/* One more: its data (taken; NULL is harmless) gets "at". type: a constant. */
void events_add(struct manager *m, const char *type, json_t *data);
/* The event of an id, or NULL. */
const struct event *events_get(const struct manager *m, uint64_t id);
/* The refusal of an id, or NULL: it is forgotten. */
const struct refusal *events_refusal(const struct manager *m, uint64_t id);

/* Seconds and thousandths since 1970 as RFC 3339. */
void events_time(int64_t at_ms, char out[32]);

#endif
