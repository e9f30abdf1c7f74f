/*
 * penstock-handshake: TLS handshakes as a pure function over records; `--judge` is the instance
 * that only gives verdicts. See DESIGN.md.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/slice.h"
#include "dataplane/base/spawn.h"
#include "dataplane/wire/control_send.h"
#include "handshake/process.h"
#include "handshake/sign_wait.h"

/* What libraries would load lazily is loaded before the sandbox closes. */
static int prepare(struct process *p, bool judge)
{
    unsigned char seed[32];
    int rc;

    tzset();
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return -ENOTSUP;
    rc = process_init(p, judge, SPAWN_CONTROL_FD);
    if (!rc && (RAND_bytes(seed, sizeof seed) != 1 || RAND_priv_bytes(seed, sizeof seed) != 1))
        rc = -ENOTSUP;
    return rc;
}

static void drop(int *fd)
{
    close(*fd);
    *fd = -1;
}

static void drop_worker(struct process *p)
{
    process_drop_conns(p);
    drop(&p->handoff);
}

static void serve(struct process *p, const struct pollfd *f, unsigned n)
{
    if (f[0].revents && process_control(p))
        p->done = true; /* the launcher is gone, or speaks another language */
    for (unsigned i = 1; i < n && !p->done; i++) {
        if (!f[i].revents)
            continue;
        if (!p->judge && f[i].fd == p->handoff && process_handoff(p))
            drop_worker(p);
        for (unsigned k = 0; p->judge && k < PROCESS_JUDGES_MAX; k++)
            if (p->judges[k] == f[i].fd && process_judge(p, f[i].fd))
                drop(&p->judges[k]);
    }
}

static void loop(struct process *p)
{
    while (!p->done) {
        struct pollfd f[2 + PROCESS_JUDGES_MAX] = {{.fd = p->control, .events = POLLIN}};
        bool waits = sign_waits(&p->signer);
        unsigned n = 1;
        int rc;

        if (p->handoff >= 0)
            f[n++] = (struct pollfd){.fd = p->handoff, .events = POLLIN};
        for (unsigned i = 0; p->judge && i < PROCESS_JUDGES_MAX; i++)
            if (p->judges[i] >= 0)
                f[n++] = (struct pollfd){.fd = p->judges[i], .events = POLLIN};
        if (waits && p->signer.fd >= 0)
            f[n++] = (struct pollfd){.fd = p->signer.fd, .events = POLLIN};
        rc = poll(f, n, waits ? sign_wait_ms(&p->signer, clock_mono_ms()) : process_patience_ms(p));
        if (rc > 0)
            serve(p, f, n);
        else if (rc == 0 && !waits)
            process_rest(p);
        if (!p->done && process_signed(p) && p->handoff >= 0)
            drop_worker(p);
    }
}

int main(int argc, char **argv)
{
    bool judge = argc == 2 && !strcmp(argv[1], "--judge");
    struct process *p;
    char name[32], text[1100];
    struct err e;
    int rc;

    if (!judge && (argc != 3 || strcmp(argv[1], "--index"))) {
        fprintf(stderr, "penstock-handshake: --index N or --judge; it is started by penstockd\n");
        return 2;
    }
    if (judge)
        snprintf(name, sizeof name, "judge");
    else
        snprintf(name, sizeof name, "handshake.%.8s", argv[2]);
    log_init(name, LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    slice_short();
    p = malloc(sizeof *p);
    rc = p ? prepare(p, judge) : -ENOMEM;
    if (rc) {
        log_event(LOG_ERROR, "start_failed", "error=\"%s\"", strerror(-rc));
        return 1;
    }
    if (sandbox_enter(SANDBOX_HANDSHAKE, &e)) {
        log_event(LOG_ERROR, "sandbox_failed", "error=\"%s\"", err_text(&e, text, sizeof text));
        return 1;
    }
    if (control_send_number(p->control, CONTROL_READY, 0))
        return 1;
    loop(p);
    process_drop_conns(p);
    return 0;
}
