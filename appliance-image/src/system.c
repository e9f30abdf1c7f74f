/*
 * penstock-system --NAME VALUE ...: the appliance's own helper: updates, which version starts next,
 * and the machine's start and end, at the request of penstock-mgmt (server.h) or of who presses the
 * power button (button.h).
 *
 * Why: all that needs root's rights on the appliance is this small program, which no byte of a
 * stranger reaches but an update, and that only through its signature. It also is the one
 * that says whether a version on trial has proved itself (trial.h). See DESIGN.md.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance-image/src/button.h"
#include "appliance-image/src/local.h"
#include "appliance-image/src/running.h"
#include "appliance-image/src/server.h"
#include "appliance-image/src/service.h"
#include "appliance-image/src/settings.h"
#include "appliance-image/src/trial.h"
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"

#define TICK_MS 1000

enum option {
    SOCKET,
    PARTITIONS,
    STATE,
    ESP,
    KEY,
    RELEASE,
    CMDLINE,
    GATEWAY,
    POWER,
    JOURNAL,
    LIMIT,
    KEPT,
    NETWORK,
    TIME,
    INPUT,
    OPTIONS
};

static const struct service_option options[OPTIONS] = {
    [SOCKET] = {"--socket", "/run/penstock-system/socket"},
    [PARTITIONS] = {"--partitions", SLOTS_FOLDER},
    [STATE] = {"--state", SLOTS_FOLDER "/penstock-state"},
    [ESP] = {"--esp", "/efi"},
    [KEY] = {"--key", "/usr/share/penstock/update.pub"},
    [RELEASE] = {"--os-release", "/usr/lib/os-release"},
    [CMDLINE] = {"--cmdline", "/proc/cmdline"},
    [GATEWAY] = {"--gateway", "/state/penstock/penstock.sock"},
    [POWER] = {"--power", "/usr/bin/systemctl"},
    [JOURNAL] = {"--journal", "/usr/bin/journalctl"},
    [LIMIT] = {"--trial-s", NULL},
    [KEPT] = {"--settings", "/state/system"},
    [NETWORK] = {"--network-units", "/run/systemd/network"},
    [TIME] = {"--time-units", "/run/systemd/timesyncd.conf.d"},
    [INPUT] = {"--input", "/dev/input"},
};

struct helper {
    const char *words[OPTIONS];
    struct slots slots;
    struct server server;
    struct trial trial;
    struct settings settings;
    struct button button;
    uint64_t version;
};

static volatile sig_atomic_t ended;

static void on_signal(int signal)
{
    (void)signal;
    ended = 1;
}

static uint64_t now_s(void)
{
    return clock_mono_ms() / 1000;
}

/* Ask the machine's service manager for the machine (unit NULL) or for one unit. */
static void manage(const struct helper *h, const char *verb, const char *unit)
{
    const char *const argv[] = {h->words[POWER], "--no-block", verb, unit, NULL};
    union {
        const char *const *mine;
        char *const *theirs; /* posix_spawn(3) changes none of them */
    } words = {argv};
    char *const environment[] = {NULL};
    pid_t pid;
    int rc = posix_spawn(&pid, argv[0], NULL, NULL, words.theirs, environment);

    log_event(rc ? LOG_ERROR : LOG_INFO, "manage", "verb=%s unit=%s error=%d", verb,
              unit ? unit : "-", rc);
    if (!rc)
        (void)waitpid(pid, NULL, 0);
}

static void look(struct helper *h)
{
    struct err e = {.what = ""};

    if (h->server.install)
        return; /* the slots are the update's */
    switch (trial_look(&h->trial, local_ask(h->words[GATEWAY], "GET", "/readyz") == 200, now_s())) {
    case TRIAL_WAIT:
        return;
    case TRIAL_PASSED:
        if (slots_look(&h->slots, &e) || slots_bless(&h->slots, &e))
            log_event(LOG_ERROR, "trial_not_ended", "why=\"%.200s\"", e.what);
        else
            log_event(LOG_INFO, "trial_passed", "version=%" PRIu64, h->version);
        return;
    case TRIAL_LOST:
        log_event(LOG_ERROR, "trial_lost", "version=%" PRIu64, h->version);
        manage(h, "reboot", NULL);
        return;
    }
}

/* Who reads the units that have changed. */
static void tell_readers(struct helper *h)
{
    if (h->settings.network_changed)
        manage(h, "reload", "systemd-networkd.service");
    if (h->settings.time_changed)
        manage(h, "restart", "systemd-timesyncd.service");
    h->settings.network_changed = h->settings.time_changed = false;
}

static void loop(struct helper *h)
{
    static const char *const verbs[SYSTEM_POWERS] = {"reboot", "poweroff"};

    while (!ended) {
        server_run(&h->server, TICK_MS);
        if (button_pressed(&h->button))
            h->server.power = SYSTEM_SHUTDOWN; /* an update that is coming in survives a cut */
        if (h->server.power >= 0)
            manage(h, verbs[h->server.power], NULL);
        h->server.power = -1;
        settings_tick(&h->settings);
        tell_readers(h);
        if (trial_due(&h->trial, now_s()))
            look(h);
    }
}

/* What runs here: its version and its slot. */
static int find_self(struct helper *h, struct err *e)
{
    char text[RUNNING_TEXT_MAX];
    uint8_t uuid[ENTRY_UUID];
    int rc = running_read(h->words[RELEASE], text, e);

    if (!rc && running_version(text, &h->version))
        rc = err_set(e, -EINVAL, h->words[RELEASE], "start from the appliance's image",
                     "has no VERSION_ID of 14 digits");
    if (!rc)
        rc = running_read(h->words[CMDLINE], text, e);
    if (!rc && running_uuid(text, uuid))
        rc = err_set(e, -EINVAL, h->words[CMDLINE], "start from the appliance's image",
                     "has no roothash");
    if (!rc)
        rc = slots_open(&h->slots, h->words[PARTITIONS], h->words[ESP], uuid, e);
    return rc;
}

static int start(struct helper *h, struct err *e)
{
    gid_t gid = 0;
    int rc = running_key(h->words[KEY], h->server.key, e);

    if (!rc)
        rc = sandbox_user(&h->server.user, &gid, e);
    if (!rc)
        rc = find_self(h, e);
    if (rc)
        return rc;
    rc = settings_open(&h->settings, h->words[KEPT], h->words[NETWORK], h->words[TIME], e);
    if (rc) /* updates have to go in all the same */
        log_event(LOG_ERROR, "settings_lost", "why=\"%.200s\"", e->what);
    h->server.slots = &h->slots;
    h->server.settings = &h->settings;
    h->server.state = h->words[STATE];
    h->server.manager = h->words[POWER];
    h->server.journal = h->words[JOURNAL];
    h->server.version = h->version;
    rc = server_open(&h->server, h->words[SOCKET], e);
    if (rc)
        slots_close(&h->slots);
    return rc;
}

int main(int argc, char **argv)
{
    static struct helper h;
    struct err e;
    char text[1100];

    log_init("system", LOG_INFO);
    if (service_words(options, OPTIONS, argc, argv, h.words)) {
        fprintf(stderr,
                "usage: penstock-system [--NAME VALUE]...; see appliance-image/DESIGN.md\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (start(&h, &e)) {
        fprintf(stderr, "penstock-system: %s\n", err_text(&e, text, sizeof text));
        return 1;
    }
    trial_begin(&h.trial, slots_running(&h.slots)->entry.state, slots_other(&h.slots)->entry.state,
                now_s(), h.words[LIMIT] ? (unsigned)atoi(h.words[LIMIT]) : TRIAL_S);
    log_event(LOG_INFO, "started", "version=%" PRIu64 " slot=%c trial=%d", h.version,
              "ab"[h.slots.running], h.trial.on);
    button_open(&h.button, h.words[INPUT]);
    loop(&h);
    button_close(&h.button);
    server_close(&h.server);
    slots_close(&h.slots);
    return 0;
}
