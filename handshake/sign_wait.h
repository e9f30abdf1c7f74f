/*
 * sign_wait: signatures that are on their way from a token, and the legs that wait for them.
 *
 * Why: the keyring says at once that a key is in a token; from then on a leg that signs with it
 * runs in a fibre, and waits there, not the process.
 * Owner: the process's one thread. Never: more than SIGN_WAITS legs; a leg without a deadline.
 */
#ifndef PENSTOCK_HANDSHAKE_SIGN_WAIT_H
#define PENSTOCK_HANDSHAKE_SIGN_WAIT_H

#include "dataplane/wire/keywire.h"
#include "handshake/sign.h"

#define SIGN_MS 5000 /* for one answer; the keyring gives a token 4000 */

/* Are signatures of this identity (revision << 16 | index) made in a token, as far as is known? */
bool sign_is_remote(const struct signer *s, uint64_t identity);
void sign_note_remote(struct signer *s, uint64_t identity);
/*
 * Inside the fibre s->fibre: wait for the answer to a request. 0 with *m, whose signature is valid
 * until the fibre pauses again; -EBUSY: too many wait; -ETIMEDOUT, -ECANCELED, -EPIPE.
 */
int sign_wait(struct signer *s, uint32_t request, struct keywire_signed *m);
/* An answer that somebody else's request met on the channel. */
void sign_route(struct signer *s, const struct keywire_signed *m);
/* The channel is another: nobody will answer what was asked on it. */
void sign_fail_all(struct signer *s);

/* ---- for the loop ---- */

bool sign_waits(const struct signer *s);
/* Milliseconds until the first is late; -1: none waits. */
int sign_wait_ms(const struct signer *s, uint64_t now_ms);
/* Take every answer that has come. mem of the signer is used. */
void sign_collect(struct signer *s);
/* A leg (as s->leg was when it began to wait) to be gone on with; NULL: none. */
void *sign_next(struct signer *s, uint64_t now_ms);
/* The leg is to end: its wait is over, with -ECANCELED. */
void sign_cancel(struct signer *s, const void *leg);

#endif
