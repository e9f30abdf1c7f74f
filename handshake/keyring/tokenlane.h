/*
 * tokenlane: the keyring's channels to the token processes, and the signatures asked of them.
 *
 * Why: a key in a token signs when the token likes, perhaps never. So a request is sent on, noted
 * with its deadline, and the lanes are served meanwhile; the answer finds its lane again when it
 * comes. What is sent on was judged like every other content.
 * Owner: the keyring's one thread. Never: waits for a token; more than TOKENLANE_ASKED requests at
 * a time; lets one answer for another: an answer that is late, or of a slot that was not asked, is
 * dropped.
 */
#ifndef PENSTOCK_KEYRING_TOKENLANE_H
#define PENSTOCK_KEYRING_TOKENLANE_H

#include <poll.h>
#include <stdbool.h>
#include "dataplane/wire/chan.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/keywire.h"

#define TOKENLANE_ASKED     512
#define TOKENLANE_LANES     64
#define TOKENLANE_OF_LANE   128  /* of one handshake process */
#define TOKENLANE_MS        4000 /* for one signature; the handshake process waits for 5000 */
#define TOKENLANE_SIGNATURE 640
#define TOKENLANE_POLLS     CONTROL_TOKENS_MAX

struct tokenlane;

struct tokenlane *tokenlane_new(void); /* NULL: out of memory */
void tokenlane_free(struct tokenlane *t);
/* Take the channel of token process `slot` in place of the one before. */
void tokenlane_open(struct tokenlane *t, unsigned slot, int fd);
/*
 * Have m signed by token process `slot` for a lane. 0: an answer will come (tokenlane_answer), or
 * at once -EIO (there is no such process now), -EBUSY (too much is asked already).
 */
int tokenlane_ask(struct tokenlane *t, unsigned slot, unsigned lane, const struct keywire_sign *m,
                  uint64_t now_ms);
/* The lane has another handshake process now, or none: its requests are nobody's. */
void tokenlane_forget(struct tokenlane *t, unsigned lane);
/* May the lane ask for more? */
bool tokenlane_room(const struct tokenlane *t, unsigned lane);
void tokenlane_poll(const struct tokenlane *t, struct pollfd *p);
/* Do what poll() said, and give up what is late. mem: CHAN_HEADER + CHAN_BODY_MAX bytes. */
void tokenlane_serve(struct tokenlane *t, const struct pollfd *p, uint8_t *mem, uint64_t now_ms);
/* Milliseconds until something is late; -1: nothing is asked. */
int tokenlane_wait_ms(const struct tokenlane *t, uint64_t now_ms);
/* The answer to one of the lane's requests, until the next call with this lane. False: none yet. */
bool tokenlane_answer(struct tokenlane *t, unsigned lane, struct keywire_signed *m);

#endif
