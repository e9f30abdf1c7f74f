/*
 * penstock-mgmt: configuration in, revisions out; the local API. See DESIGN.md.
 */
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/spawn.h"
#include "dataplane/wire/control_send.h"
#include "mgmt/api/api.h"
#include "mgmt/authority.h"
#include "mgmt/confirm.h"
#include "mgmt/manager.h"
#include "mgmt/renew/lists.h"
#include "mgmt/renew/renew.h"

static void loop(struct manager *m)
{
    while (!m->done) {
        struct pollfd p[6 + CALLERS_WAITING_MAX + EVENTS_WORKERS + CONTROL_TOKENS_MAX +
                        APPLIANCE_LINES + 1] = {{.fd = m->control, .events = POLLIN}};
        unsigned n = 1 + api_poll(m->api, p + 1);

        vaultline_poll(m, p + n++);
        ship_poll(m, p + n++);
        p[n++] = (struct pollfd){.fd = m->web.fd, .events = POLLIN};
        n += callers_poll(m, p + n);
        n += events_poll(m, p + n);
        n += tokens_poll(m, p + n);
        n += appliance_poll(m, p + n);
        vrrpline_poll(&m->pair.vrrp, p + n++);
        poll(p, n, api_wait_ms(m->api));
        if (p[0].revents && manager_control(m))
            m->done = true;
        journal_run(&m->journal);
        ship_run(m, clock_mono_ms());
        vaultline_run(m);
        appliance_run(m);
        appliance_tick(m);
        web_run(&m->web);
        events_run(m, clock_wall_s());
        tokens_run(m);
        callers_run(m);
        api_run(m->api);
        manager_alarm(m, clock_wall_s());
        confirm_tick(m, clock_wall_s());
        authority_tick(m, clock_wall_s());
        lists_tick(m, clock_wall_s());
        renew_tick(m, clock_wall_s());
        pair_tick(m, clock_mono_ms());
    }
}

/* The sockets of helpers. 0, or -1. */
static int parse(int argc, char **argv, const char **appliance, const char **vrrp)
{
    for (int i = 1; i < argc; i += 2) {
        const char **value = !strcmp(argv[i], "--appliance") ? appliance
                             : !strcmp(argv[i], "--vrrp")    ? vrrp
                                                             : NULL;

        if (!value || i + 1 == argc)
            return -1;
        *value = argv[i + 1];
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct manager *m;
    const char *appliance = NULL, *vrrp = NULL;
    char text[1100], quoted[1400];
    struct err e;

    if (parse(argc, argv, &appliance, &vrrp)) {
        fprintf(stderr, "penstock-mgmt: takes --appliance SOCKET and --vrrp SOCKET; it is started "
                        "by penstockd\n");
        return 2;
    }
    log_init("mgmt", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    tzset();
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    m = malloc(sizeof *m);
    if (!m || manager_init(m, SPAWN_CONTROL_FD, appliance, vrrp)) {
        log_event(LOG_ERROR, "start_failed", "error=\"out of memory, or too long a path\"");
        return 1;
    }
    if (sandbox_enter(SANDBOX_MGMT, &e)) {
        err_text(&e, text, sizeof text);
        log_event(LOG_ERROR, "sandbox_failed", "error=%s",
                  log_quote(quoted, sizeof quoted, text, strlen(text)));
        return 1;
    }
    if (web_init(&m->web) || control_send_number(m->control, CONTROL_READY, 0))
        return 1;
    loop(m);
    web_fini(&m->web);
    api_stop(m->api);
    store_close(&m->store);
    return 0;
}
