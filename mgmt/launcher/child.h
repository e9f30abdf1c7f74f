/*
 * child: one process below the launcher: its control channel, its stage, its back-off.
 *
 * Why: every child is started, watched, fed with the running revision and healed in the same way.
 *
 *   DOWN -> STARTING -> READY -> PREPARING -> COMMITTING -> SERVING        any -> DOWN
 *                         \_________________________________/   when there is no revision yet
 *
 * Owner: the fleet. Never: waits for the child. A child that breaks the protocol or misses its
 * deadline is killed, and its death is seen like any other.
 */
#ifndef PENSTOCK_LAUNCHER_CHILD_H
#define PENSTOCK_LAUNCHER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "mgmt/launcher/modules.h"
#include "mgmt/launcher/outbox.h"

#define CHILD_STAGE_MS    20000 /* to become READY, to prepare, to commit */
#define CHILD_DEVICES_MS  60000 /* READY, with devices: memory is cleared, cards are reset */
#define CHILD_BACKOFF_MS  100   /* after the first restart, which is at once; doubles */
#define CHILD_BACKOFF_MAX 5000
#define CHILD_MISSING_MS  60000 /* until one whose start the machine did not allow is tried */
#define CHILD_HEALTHY_MS  10000 /* of service, and past failures are forgotten */

enum role {
    ROLE_DATAPLANE,
    ROLE_HANDSHAKE,
    ROLE_JUDGE,
    ROLE_KEYRING,
    ROLE_MGMT,
    ROLE_TOKEN,
    ROLE_DPDK, /* the data plane of the links with that engine, if there are any */
    ROLE_COUNT
};

static inline bool role_is_dataplane(enum role role)
{
    return role == ROLE_DATAPLANE || role == ROLE_DPDK;
}

enum stage {
    STAGE_DOWN,
    STAGE_STARTING,   /* runs, but is not sandboxed yet */
    STAGE_READY,      /* without a revision */
    STAGE_PREPARING,  /* was given the running revision */
    STAGE_COMMITTING, /* prepared it */
    STAGE_SERVING,    /* has the running revision, or there is none yet */
    STAGE_COUNT
};

enum vote { VOTE_NONE, VOTE_ASKED, VOTE_PREPARED, VOTE_COMMITTING, VOTE_COMMITTED };

struct child {
    enum role role;
    uint16_t index; /* among the handshake or the token processes; else 0 */
    char name[24];  /* "handshake.0" */
    pid_t pid;      /* 0: none */
    int control;    /* -1: none */
    struct outbox outbox;
    enum stage stage;
    enum vote vote;    /* on the pending revision */
    uint64_t since_ms; /* when it entered its stage */
    uint64_t due_ms;   /* DOWN: when to start it; else the stage's deadline; 0: none */
    unsigned failures; /* deaths since it was last healthy */
    bool told;         /* mgmt: was given a configuration */
    char *module;      /* token: the PKCS#11 module it is for (owned); NULL: it is not wanted */
    bool idle;         /* no revision has use for it: it is not started */
    bool missing;      /* the machine lacks what it needs, and the others go on without it */
    bool draining;     /* was told to, and has not said that it did */
};

/* What children are started with. */
struct child_setup {
    const char *dir; /* of the programs */
    unsigned workers, rekey_records;
    const struct modules *modules; /* NULL: nothing is given to token processes */
    const char *appliance; /* socket of the appliance's helper, for mgmt and DPDK; "": none */
    const char *vrrp;      /* and of the one that speaks VRRP */
    int log_fd;            /* where lines go besides stderr; 0: nowhere */
};

void child_init(struct child *c, enum role role, uint16_t index);
/* Close the channel and drop what is queued; leaves the process alone. */
void child_close(struct child *c);
/* Move to another stage; the move must be in the table (checked). Sets since_ms and due_ms. */
void child_move(struct child *c, enum stage next, uint64_t now_ms);
/*
 * Start its program with the arguments of the child's role. 0, or -errno; the
 * child is STARTING or stays DOWN.
 */
int child_start(struct child *c, const struct child_setup *s, uint64_t now_ms);
/* Is it to run? Token processes come and go with the revisions that name their modules. */
static inline bool child_wanted(const struct child *c)
{
    return !c->idle && (c->role != ROLE_TOKEN || c->module);
}
/* The process was reaped: close, go DOWN, and set when to start it again. */
void child_died(struct child *c, uint64_t now_ms);
/* Milliseconds to wait before the restart that follows `failures` earlier deaths. */
uint64_t child_backoff_ms(unsigned failures);
/*
 * Send one message; body may be NULL, fd -1. A child that can not be sent to is killed: there is
 * nothing to handle for the caller.
 */
void child_send(struct child *c, uint8_t type, const struct buf *body, int fd);
void child_send_number(struct child *c, uint8_t type, uint64_t v);
/* SIGKILL, if it runs. why is for the log. */
void child_kill(struct child *c, const char *why);
/* The channel is dead: a process that still lives is of no use. Its death is seen like any other.
 */
void child_hang_up(struct child *c);
const char *child_program(enum role role);

#endif
