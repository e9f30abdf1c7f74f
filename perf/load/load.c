#include "perf/load/load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/record/record.h"
#include "handshake/provide.h"
#include "perf/load/foreman.h"
#include "perf/load/sink.h"

static int failed(const struct err *e)
{
    char text[1200];

    fprintf(stderr, "penstock-load: %s\n", err_text(e, text, sizeof(text)));
    return 1;
}

static int generate(const struct options *o)
{
    struct result *r = calloc(1, sizeof(*r));
    struct creds creds = {0};
    struct err e = {0};
    int rc = 1;

    if (!r || provide_init() || record_init()) {
        err_set(&e, -ENOTSUP, "OpenSSL", "install its default provider, and free memory",
                "has not the algorithms of a handshake");
        failed(&e);
        goto out;
    }
    foreman_files();
    if (creds_init(&creds, o, &e)) {
        failed(&e);
        goto out;
    }
    if (foreman_run(o, &creds, r))
        goto out;
    summary_print(r);
    rc = 0;
    if (o->json && (rc = summary_json(r, o->json)))
        fprintf(stderr, "penstock-load: %s: %s\n", o->json, strerror(-rc));
out:
    creds_fini(&creds);
    free(r);
    return rc ? 1 : 0;
}

int load_main(int argc, char *argv[])
{
    struct options o;
    struct err e = {0};

    if (options_parse(&o, argc, argv, &e)) {
        failed(&e);
        return 2;
    }
    if (o.mode == LOAD_HELP) {
        printf("%s", options_usage());
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    return o.mode == LOAD_SINK ? sink_main(&o) : generate(&o);
}
