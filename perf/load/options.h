/*
 * options: the command line of penstock-load as one struct.
 *
 * Why: what was asked for is judged in one place, before anything starts, with a message that says
 * what would be right. Owner: the struct borrows strings from argv. Never: opens files.
 */
#ifndef PENSTOCK_LOAD_OPTIONS_H
#define PENSTOCK_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/err.h"

#define OPTIONS_CPUS    64
#define OPTIONS_SOURCES 64
#define OPTIONS_SIZE    (1u << 20) /* bytes of a request, at most */

enum load_mode {
    LOAD_HANDSHAKES,
    LOAD_BULK,
    LOAD_ROUNDTRIP,
    LOAD_IDLE,
    LOAD_CHURN,
    LOAD_FANIN,
    LOAD_SINK,
    LOAD_HELP,
    LOAD_MODES
};

enum direction { DIRECTION_UP = 1, DIRECTION_DOWN = 2, DIRECTION_BOTH = 3 };

struct options {
    enum load_mode mode;
    struct addr address;    /* the gateway's, or where the sink listens */
    const char *name;       /* the gateway's server name: SNI, and checked */
    const char *ca;         /* anchors for the gateway's certificate, PEM */
    const char *cert, *key; /* one client certificate, or */
    const char *cert_dir;   /* many: NAME.key with NAME.chain.pem or NAME.pem */
    uint16_t tls;           /* TLS12 or TLS13 */
    const char *suites;     /* names with ':' or ',' between them; NULL: all that we speak */
    const char *groups;     /* the same; NULL: the library's */
    uint32_t processes;     /* 1 to 64 */
    uint32_t n_cpus;        /* CPUs to pin to, process by process; 0: none */
    uint16_t cpus[OPTIONS_CPUS];
    uint32_t n_sources; /* own addresses to connect from, in turn; 0: the kernel's choice */
    struct addr sources[OPTIONS_SOURCES];
    uint64_t duration_ms, warmup_ms, timeout_ms;
    uint32_t sessions;    /* held at once, of all processes */
    uint32_t concurrency; /* under way at once, of all processes */
    double rate;          /* a second, of all processes; 0: as fast as it goes */
    uint32_t size;        /* bytes of a request and of its answer */
    enum direction direction;
    const char *json;   /* a file to write, or NULL */
    pid_t gateway_pid;  /* whose CPU is told, with all below it; 0: none */
    pid_t backend_pid;  /* the same for the backend */
    const char *answer; /* the sink's fixed answer: "task", "echo", "discard", "source" */
    bool quiet;         /* no progress lines */
    bool plain;         /* no TLS: a bare relay is the gateway */
};

/*
 * Read argv into *o, with defaults for what is not said. 0, or -EINVAL with *e saying what is
 * wrong; *o is then untouched.
 */
int options_parse(struct options *o, int argc, char *const argv[], struct err *e);
const char *options_usage(void);
const char *options_mode_name(enum load_mode mode);

#endif
