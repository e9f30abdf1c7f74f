/*
 * hsclient: a worker's end of the channel to its handshake process.
 *
 * Why: it says OPEN, FEED, GO, NO and CLOSE, and turns answers into calls of flow_*(). When the
 * process dies, sessions in mid-handshake end with a reason, keyed ones do not notice, and new ones
 * wait for the new channel. Owner: one worker. Never: blocks; a full channel parks the leg in
 * `waiting`.
 */
#ifndef PENSTOCK_CORE_HSCLIENT_H
#define PENSTOCK_CORE_HSCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/list.h"
#include "dataplane/wire/chan.h"

struct worker;
struct session;
struct leg;

struct hsclient {
    int fd; /* -1: no channel now */
    bool want_out;
    unsigned open; /* legs that it knows, */
    unsigned due;  /* and owes an answer */
};

/* A channel came (the old one is closed); waiting sessions are tried again. Takes fd. */
void hsclient_attach(struct worker *w, int fd);
/* The channel is dead: ends every session that was talking on it. */
void hsclient_lost(struct worker *w);

/*
 * Give the leg's stashed whole records (n bytes at its start; 0 for a client's opening) to the
 * handshake process: OPEN the first time, then FEED. If there is no channel or no room it is tried
 * again later.
 */
void hsclient_feed(struct worker *w, struct session *s, struct leg *leg, size_t n);
void hsclient_go(struct worker *w, struct session *s);
/* The leg has its answer. */
void hsclient_answered(struct worker *w, struct leg *leg);
/* The leg has its last answer, or wants none any more: it is not known there from now on. */
void hsclient_ended(struct worker *w, struct leg *leg);
/* Tell it to forget this leg (harmless when unknown there). */
void hsclient_close(struct worker *w, struct session *s, struct leg *leg);

/* The channel is readable: take a message. True: another may be there. */
bool hsclient_take(struct worker *w);
/* The same, so many at most: then others have their turn. */
#define HSCLIENT_ANSWERS 64
void hsclient_readable(struct worker *w);
/* The channel is writable. */
void hsclient_writable(struct worker *w);

#endif
