/*
 * stop: the way down. Drain the data plane, then close every channel, then make sure.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "dataplane/base/log.h"
#include "mgmt/launcher/launcher.h"
#include "mgmt/launcher/notify.h"

void stop_say(struct launcher *l, int exit_code, const struct err *e)
{
    bool file = exit_code == 2; /* the operator's file is to blame */
    char text[1100];

    l->exit_code = exit_code;
    dprintf(STDERR_FILENO, "penstockd: %s%s%s\n", file ? l->args->config : "", file ? ": " : "",
            err_text(e, text, sizeof(text)));
}

void stop_with(struct launcher *l, int exit_code, const struct err *e, uint64_t now_ms)
{
    if (l->phase != LAUNCHER_RUNS)
        return; /* one line, of the first cause */
    stop_say(l, exit_code, e);
    stop_end(l, now_ms);
}

/* True if any data plane is at it. */
static bool drain_dataplanes(struct fleet *f, uint32_t drain_ms)
{
    bool any = false;

    for (unsigned i = 0; i < f->n; i++) {
        struct child *c = &f->children[i];

        if (c->role == ROLE_MGMT && c->stage == STAGE_SERVING)
            child_send_number(c, CONTROL_DRAIN, drain_ms); /* it tells who has to know */
        if (!role_is_dataplane(c->role) || c->stage != STAGE_SERVING)
            continue;
        c->draining = any = true;
        child_send_number(c, CONTROL_DRAIN, drain_ms);
    }
    return any;
}

void stop_drained(struct launcher *l, struct child *c, uint64_t now_ms)
{
    c->draining = false;
    for (unsigned i = 0; i < l->fleet.n; i++)
        if (l->fleet.children[i].draining)
            return;
    stop_end(l, now_ms);
}

void stop_drain(struct launcher *l, uint64_t now_ms)
{
    uint32_t drain_ms = l->change.running ? l->change.running->policy->drain_ms : 0;

    if (l->phase == LAUNCHER_DRAINS)
        stop_end(l, now_ms);
    if (l->phase != LAUNCHER_RUNS)
        return;
    log_event(LOG_INFO, "stopping", "drain_ms=%" PRIu32, drain_ms);
    notify_send(l->notify, NOTIFY_STOPPING);
    if (!l->change.running || !drain_dataplanes(&l->fleet, drain_ms)) {
        stop_end(l, now_ms);
        return;
    }
    l->phase = LAUNCHER_DRAINS;
    l->deadline_ms = now_ms + drain_ms + LAUNCHER_CUT_MS;
    l->fleet.stopping = true;
    change_stop_listening(&l->change);
}

void stop_end(struct launcher *l, uint64_t now_ms)
{
    if (l->phase == LAUNCHER_ENDS)
        return;
    l->phase = LAUNCHER_ENDS;
    l->deadline_ms = now_ms + LAUNCHER_END_MS;
    l->fleet.stopping = true;
    change_stop_listening(&l->change);
    fleet_fini(&l->fleet); /* they see their channel close, and exit */
}

void stop_tick(struct launcher *l, uint64_t now_ms)
{
    if (l->phase == LAUNCHER_RUNS || now_ms < l->deadline_ms)
        return;
    if (l->phase == LAUNCHER_DRAINS) {
        log_event(LOG_WARN, "drain_overrun", "the data plane did not end in time");
        stop_end(l, now_ms);
        return;
    }
    for (unsigned i = 0; i < l->fleet.n; i++)
        child_kill(&l->fleet.children[i], "it did not exit when its channel was closed");
    l->deadline_ms = now_ms + LAUNCHER_END_MS;
}

bool stop_done(const struct launcher *l)
{
    if (l->phase != LAUNCHER_ENDS)
        return false;
    for (unsigned i = 0; i < l->fleet.n; i++) {
        if (l->fleet.children[i].pid > 0)
            return false;
    }
    return true;
}
