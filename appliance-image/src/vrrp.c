/*
 * penstock-vrrp --NAME VALUE ...: answers for the addresses of a pair of gateways, by keepalived,
 * at the request of penstock-mgmt (dataplane/wire/vrrp.h).
 *
 * Why: this takes rights on the network (CAP_NET_ADMIN, CAP_NET_RAW) and no other; it runs as a
 * user of its own. The addresses go when the gateway is not well: when mgmt says so, when mgmt
 * stays silent, and at once when the launcher ends, of which it has a pidfd. See DESIGN.md.
 */
#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "appliance-image/src/filter.h"
#include "appliance-image/src/keeper.h"
#include "appliance-image/src/service.h"
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/chan.h"

#define GATEWAY   "penstock" /* its user; on a machine without it, as the sandbox has it: nobody */
#define NOBODY    65534
#define TICK_MS   500
#define SILENT_MS 30000 /* mgmt may have died, and compile what runs: traffic does not notice */
#define SEND_MS   100
#define BACKLOG   4

enum option { SOCKET, FOLDER, KEEPALIVED, OPTIONS };

static const struct service_option options[OPTIONS] = {
    [SOCKET] = {"--socket", "/run/penstock-vrrp/socket"},
    [FOLDER] = {"--folder", "/run/penstock-vrrp"},
    [KEEPALIVED] = {"--keepalived", "/usr/sbin/keepalived"},
};

struct helper {
    const char *words[OPTIONS];
    struct keeper keeper;
    int listener;
    uid_t user;        /* who may call, besides root */
    int caller;        /* the newest, -1: none */
    int launcher;      /* pidfd, -1: unknown, or gone */
    uint64_t heard_ms; /* the last HEALTH */
    uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];
};

static volatile sig_atomic_t over;

static void on_signal(int signal)
{
    (void)signal;
    over = 1;
}

/* ---- the caller ---- */

static void hang_up(struct helper *h)
{
    if (h->caller >= 0)
        close(h->caller);
    h->caller = -1;
}

static void send_status(struct helper *h)
{
    uint8_t mem[VRRP_WHY_MAX + 64];
    struct buf b;

    h->keeper.changed = false;
    if (h->caller < 0)
        return;
    buf_init(&b, mem, sizeof mem);
    vrrp_put_status(&b, &h->keeper.status);
    check(buf_ok(&b));
    if (chan_send_wait(h->caller, VRRP_STATE, &b, NULL, 0, SEND_MS))
        hang_up(h);
}

/* Where there is no packet filter of ours, nobody keeps the partner out. */
static void let_in(const struct vrrp_set *set)
{
    int rc = filter_partner(set);

    if (rc && rc != -ENOENT)
        log_event(LOG_ERROR, "partner_not_let_in", "error=\"%s\"", strerror(-rc));
}

static int on_set(struct helper *h, struct chan_msg *m)
{
    struct vrrp_set set;

    if (vrrp_get_set(&m->body, &set) || m->n_fds != 1)
        return -EPROTO;
    if (h->launcher >= 0)
        close(h->launcher);
    h->launcher = chan_msg_take_fd(m, 0);
    let_in(&set);
    keeper_set(&h->keeper, &set);
    send_status(h);
    return 0;
}

static int on_health(struct helper *h, struct chan_msg *m)
{
    bool good;

    if (vrrp_get_health(&m->body, &good) || m->n_fds || h->launcher < 0)
        return -EPROTO;
    h->heard_ms = clock_mono_ms();
    keeper_health(&h->keeper, good);
    return 0;
}

/* 0, or -errno: the caller is gone or breaks the rules. */
static int take_one(struct helper *h)
{
    struct chan_msg m;
    int rc = chan_recv(h->caller, h->message, sizeof h->message, &m);

    if (rc <= 0)
        return rc == -EAGAIN ? 0 : rc ? rc : -EPIPE;
    rc = m.type == VRRP_SET ? on_set(h, &m) : m.type == VRRP_HEALTH ? on_health(h, &m) : -EPROTO;
    chan_msg_close_fds(&m);
    return rc;
}

/* One caller: a management that came back takes the place of the one before. */
static void take_caller(struct helper *h)
{
    int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred who;
    socklen_t n = sizeof who;

    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) || (who.uid != 0 && who.uid != h->user)) {
        log_event(LOG_WARN, "caller_refused", "why=\"not the gateway's user\"");
        close(fd);
        return;
    }
    hang_up(h);
    h->caller = fd;
}

/* ---- is the gateway well? ---- */

/* The launcher's end is every process's end. */
static void on_launcher_end(struct helper *h)
{
    close(h->launcher);
    h->launcher = -1;
    keeper_health(&h->keeper, false);
}

static void look(struct helper *h)
{
    if (h->keeper.good && clock_mono_ms() - h->heard_ms > SILENT_MS) {
        log_event(LOG_ERROR, "management_silent", "for_ms=%d", SILENT_MS);
        keeper_health(&h->keeper, false);
    }
}

static void loop(struct helper *h)
{
    while (!over) {
        struct pollfd p[3 + KEEPER_POLL] = {{.fd = h->launcher, .events = POLLIN},
                                            {.fd = h->listener, .events = POLLIN},
                                            {.fd = h->caller, .events = POLLIN}};

        keeper_poll(&h->keeper, p + 3);
        if (poll(p, ARRAY_LEN(p), TICK_MS) < 0)
            continue;
        if (p[0].revents)
            on_launcher_end(h);
        if (p[2].revents && take_one(h))
            hang_up(h);
        if (p[1].revents)
            take_caller(h);
        look(h);
        keeper_run(&h->keeper);
        if (h->keeper.changed)
            send_status(h);
    }
}

/* ---- start and end ---- */

static int start(struct helper *h, struct err *e)
{
    const struct passwd *gateway = getpwnam(GATEWAY);
    int rc = keeper_open(&h->keeper, h->words[FOLDER], h->words[KEEPALIVED], e);

    h->user = gateway ? gateway->pw_uid : NOBODY;
    h->caller = h->launcher = -1;
    if (rc)
        return rc;
    h->listener = service_listen(h->words[SOCKET], BACKLOG, e);
    return h->listener < 0 ? h->listener : 0;
}

int main(int argc, char **argv)
{
    static struct helper h;
    struct err e;
    char text[1100];

    log_init("vrrp", LOG_INFO);
    if (service_words(options, OPTIONS, argc, argv, h.words)) {
        fprintf(stderr, "usage: penstock-vrrp [--NAME VALUE]...; see appliance-image/DESIGN.md\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (start(&h, &e)) {
        fprintf(stderr, "penstock-vrrp: %s\n", err_text(&e, text, sizeof text));
        return 1;
    }
    log_event(LOG_INFO, "started", "keepalived=\"%.200s\"", h.words[KEEPALIVED]);
    loop(&h);
    keeper_close(&h.keeper);
    return 0;
}
