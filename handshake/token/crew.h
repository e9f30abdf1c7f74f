/*
 * crew: the threads that call the module: one that looks for keys, and a few for each token that
 * sign.
 *
 * Why: every call into a module may take as long as the token likes. The loop only carries
 * messages; a token that is slow has its own workers waiting, and no other's.
 * Owner: the loop's thread calls what is declared here; the threads end with crew_free(). Never:
 * more than CREW_JOBS signatures and CREW_DEVICES tokens; calls the module with the lock held. A
 * call that does not come back can not be called off: crew_stuck() says so, and the process ends.
 */
#ifndef PENSTOCK_TOKEN_CREW_H
#define PENSTOCK_TOKEN_CREW_H

#include "handshake/token/device.h"
#include "handshake/token/mechanism.h"

#define CREW_JOBS     512
#define CREW_DEVICES  16
#define CREW_WORKERS  4     /* of a token: its signatures at a time */
#define CREW_LATE_MS  3000  /* for one signature, and for its turn before that */
#define CREW_STUCK_MS 15000 /* for one call */

struct crew;

struct crew_job {
    uint32_t request;
    int error; /* 0, or an errno (positive) */
    uint8_t signature[MECHANISM_SIGNATURE_MAX];
    size_t n_signature;
};

/* m stays the caller's. NULL: no memory. */
struct crew *crew_new(struct module *m);
/* In the sandbox: begin to work. 0 or -errno. */
int crew_start(struct crew *c);
/* Ends the threads, waiting for the calls under way, and drops what they held. */
void crew_free(struct crew *c);
int crew_wake_fd(const struct crew *c); /* readable: see crew_next_job() and crew_next_key() */
void crew_woken(struct crew *c);

/*
 * Have text signed (copied). 0: there will be a job with this number; -EIO: the key is not UP;
 * -EBUSY, -ENOMEM, -EPERM (the scheme is not of the key).
 */
int crew_sign(struct crew *c, uint32_t request, struct tokenkey *k, uint16_t scheme,
              const uint8_t *text, size_t n);
/* Look for a key that is AWAY, unless somebody does already. */
void crew_raise(struct crew *c, struct tokenkey *k);
/* One that is done, until the next call; NULL: none. */
const struct crew_job *crew_next_job(struct crew *c);
/* One whose state may have changed; held for the caller. NULL: none. */
struct tokenkey *crew_next_key(struct crew *c);
/* How the key stands now; *why (may be NULL) if it is not UP. */
enum tokenkey_state crew_state(struct crew *c, const struct tokenkey *k, struct err *why);
/* Is it AWAY, and time to look for it? *failures (may be NULL): how often that was in vain. */
bool crew_is_due(struct crew *c, const struct tokenkey *k, uint64_t now_ms, unsigned *failures);
/* A PIN that was refused before this process began: it is not sent again. */
void crew_forbid(struct crew *c, struct tokenkey *k);
/* Has a call been under way for longer than CREW_STUCK_MS? */
bool crew_stuck(struct crew *c, uint64_t now_ms);
/*
 * Give up signatures that are late. The key of one that was begun is AWAY until it has proved
 * itself again, so that nobody else is made to wait for it; one that only waited its turn is given
 * up.
 */
void crew_give_up(struct crew *c, uint64_t now_ms);
/* Is anything under way? */
bool crew_busy(struct crew *c);

#endif
