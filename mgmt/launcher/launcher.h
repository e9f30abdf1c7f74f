/*
 * launcher: the one loop that starts, feeds, heals and ends all processes of a gateway.
 *
 * Why: everything that needs privilege (paths, sockets, processes) is in one small program that
 * reads nothing from the network.
 * Owner: one thread. Never: parses what strangers send; blocks on a child.
 */
#ifndef PENSTOCK_LAUNCHER_LAUNCHER_H
#define PENSTOCK_LAUNCHER_LAUNCHER_H

#include "mgmt/launcher/change.h"
#include "mgmt/launcher/args.h"
#include "mgmt/launcher/fleet.h"
#include "mgmt/launcher/statedir.h"

#define LAUNCHER_START_TRIES 6    /* deaths of one child before the gateway was ready once */
#define LAUNCHER_CUT_MS      2500 /* beyond drain_ms, for the data plane to cut and report */
#define LAUNCHER_END_MS      2000 /* for children to exit once their channel is closed */

enum launcher_phase { LAUNCHER_RUNS, LAUNCHER_DRAINS, LAUNCHER_ENDS };

struct launcher {
    const struct args *args;
    struct statedir state;
    struct files files;
    struct fleet fleet;
    struct change change;
    enum launcher_phase phase;
    uint64_t deadline_ms; /* of DRAINS and ENDS */
    int exit_code;
    int signal_fd;
    int log_read, log_write; /* the pipe of all log lines (logtap.h); 0: none */
    int kek;                 /* sealed copy of the key-encryption key, or -1 */
    enum kek_kept kek_kept;
    int text;           /* configuration text that waits to be loaded, or -1 */
    bool ready;         /* the ready line was printed */
    unsigned failures;  /* changes that failed before that */
    const char *notify; /* NOTIFY_SOCKET, or NULL */
    uint8_t *message;   /* where messages are received */
};

/* Run until asked to end. Returns the exit status: 0, 1 (failure), 2 (bad configuration). */
int launcher_run(const struct args *args);

/* Serve every message that waits on the channel of c. */
void serve_child(struct launcher *l, struct child *c, uint64_t now_ms);

/* One clear line for the operator, and the exit status: 2 if the configuration is to blame. */
void stop_say(struct launcher *l, int exit_code, const struct err *e);
/* The same, then the way down. */
void stop_with(struct launcher *l, int exit_code, const struct err *e, uint64_t now_ms);
void stop_drain(struct launcher *l, uint64_t now_ms); /* on SIGTERM; a second time: at once */
/* A data plane has drained, or died: the last of them ends it all. */
void stop_drained(struct launcher *l, struct child *c, uint64_t now_ms);
void stop_end(struct launcher *l, uint64_t now_ms); /* nothing is left to drain */
void stop_tick(struct launcher *l, uint64_t now_ms);
bool stop_done(const struct launcher *l);

#endif
