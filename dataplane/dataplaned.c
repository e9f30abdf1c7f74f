/*
 * penstock-dataplane: owns every connection and session key. One control thread (main) and one
 * worker thread for each core; see DESIGN.md.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/slice.h"
#include "dataplane/base/spawn.h"
#include "dataplane/core/threads.h"
#include "dataplane/record/record.h"
#include "dataplane/uring/probe.h"
#include "dataplane/uring/ring.h"

#define REKEY_DEFAULT (1u << 24) /* records; RFC 8446 5.5 allows about 2^24.5 with AES-GCM */

static const struct engine rings = {
    .size = sizeof(struct ring), .init = ring_init, .run = ring_run, .fini = ring_fini};

static int usage(const char *what)
{
    fprintf(stderr, "penstock-dataplane: %s; it is started by penstockd\n", what);
    return 2;
}

static int parse_number(const char *s, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(s, &end, 10);
    return errno || *end || end == s || *out == 0 || *out > max ? -EINVAL : 0;
}

static int parse_args(int argc, char **argv, struct shared *shared)
{
    unsigned long n = 0, rekey = REKEY_DEFAULT;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--workers")) {
            if (parse_number(argv[i + 1], WORKERS_MAX, &n))
                return usage("--workers takes 1 to 64");
        } else if (!strcmp(argv[i], "--rekey-records")) {
            if (parse_number(argv[i + 1], REKEY_DEFAULT, &rekey))
                return usage("--rekey-records takes 1 to 16777216");
        } else {
            return usage("unknown option");
        }
    }
    if (argc % 2 == 0 || !n)
        return usage("--workers N is required");
    shared->n_workers = (unsigned)n;
    shared->rekey_records = rekey;
    return 0;
}

int main(int argc, char **argv)
{
    static struct shared shared;
    static struct control control;
    struct inbox inboxes[WORKERS_MAX];
    struct err e;
    char text[1100];
    int rc = parse_args(argc, argv, &shared);

    if (rc)
        return rc;
    log_init("dataplane", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    rc = threads_shared(&shared);
    for (unsigned i = 0; i < shared.n_workers && !rc; i++)
        rc = inbox_init(&inboxes[i]);
    if (!rc)
        rc = control_init(&control, SPAWN_CONTROL_FD, &shared, inboxes);
    if (!rc)
        rc = record_init();
    if (rc) {
        log_event(LOG_ERROR, "start_failed", "error=\"%s\"", strerror(-rc));
        return 1;
    }
    probe_ktls(&shared.ktls);
    slice_short();
    if (sandbox_enter(SANDBOX_DATAPLANE, &e)) {
        log_event(LOG_ERROR, "sandbox_failed", "error=\"%s\"", err_text(&e, text, sizeof text));
        return 1;
    }
    rc = threads_run(&control, &rings);
    control_fini(&control);
    return rc;
}
