/*
 * system: the contract between mgmt (M) and the appliance's own helper (S), penstock-system: the
 * version that runs, an update, the next start.
 *   M: STATE                          S: STATUS
 *   M: INSTALL, DATA ..., END         S: DONE    at the end, or at the first DATA that is refused
 *   M: ACTIVATE, POWER                S: DONE
 *   RESET                             S: DONE    from the console only
 *
 * Why: writing partitions and starting the machine again take rights that M, which hears strangers
 * over HTTP, must not have. S takes nothing on M's word: it verifies an update itself, and its few
 * verbs have no paths, commands or names in them. One connection has one request after the other;
 * a connection that ends in the middle of an update ends the update.
 * Owner: pure over the caller's memory.
 */
#ifndef PENSTOCK_WIRE_SYSTEM_H
#define PENSTOCK_WIRE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"

#define SYSTEM_SLOTS       2
#define SYSTEM_DATA_MAX    (32 * 1024) /* bytes of an update in one message */
#define SYSTEM_RELEASE_MAX 65
#define SYSTEM_LEFT_MAX    99

enum system_type {
    SYSTEM_STATE = 1,
    SYSTEM_INSTALL,
    SYSTEM_DATA,
    SYSTEM_END,
    SYSTEM_ACTIVATE,
    SYSTEM_POWER,
    SYSTEM_RESET = 12,
    SYSTEM_STATUS = 16,
    SYSTEM_DONE,
};

/* How a version in a slot stands; in the order of the words, as the API spells them. */
enum system_slot_state {
    SYSTEM_SLOT_EMPTY,
    SYSTEM_SLOT_INCOMPLETE,
    SYSTEM_SLOT_INSTALLED,
    SYSTEM_SLOT_TRIAL,
    SYSTEM_SLOT_GOOD,
    SYSTEM_SLOT_FAILED,
    SYSTEM_SLOT_ASIDE,
    SYSTEM_SLOT_STATES
};
extern const char *const system_slot_states[SYSTEM_SLOT_STATES];

enum system_power { SYSTEM_REBOOT, SYSTEM_SHUTDOWN, SYSTEM_POWERS };

struct system_slot {
    uint64_t version; /* 0: EMPTY */
    uint8_t state;    /* enum system_slot_state */
    uint8_t left;     /* starts, of TRIAL */
};

struct system_status {
    uint64_t version; /* that runs */
    uint8_t running;  /* its slot */
    bool installing;  /* an update is coming in */
    uint64_t uptime_s;
    char kernel[SYSTEM_RELEASE_MAX];
    struct system_slot slots[SYSTEM_SLOTS];
};

struct system_done {
    int32_t error;    /* 0, or an errno: then why */
    uint64_t version; /* of INSTALL and ACTIVATE; 0 else */
    struct err why;
};

/*
 * put writes the body; get reads it and returns 0 or -EPROTO. STATE, INSTALL, END and RESET have no
 * body (system_get_empty); DATA is bytes of the update and nothing else, 1 to SYSTEM_DATA_MAX.
 */
int system_get_empty(struct buf *b);
const uint8_t *system_get_data(struct buf *b, size_t *n); /* NULL: -EPROTO */
void system_put_version(struct buf *b, uint64_t version);
int system_get_version(struct buf *b, uint64_t *version);
void system_put_power(struct buf *b, enum system_power what);
int system_get_power(struct buf *b, enum system_power *what);
void system_put_status(struct buf *b, const struct system_status *m);
int system_get_status(struct buf *b, struct system_status *m);
void system_put_done(struct buf *b, const struct system_done *m);
int system_get_done(struct buf *b, struct system_done *m);

#endif
