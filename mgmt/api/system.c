/* system: the appliance itself: its versions, updates, its start and end (../appliance.h). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/system_parts.h"
#include "mgmt/api/upload.h"
#include "mgmt/manager.h"
#include "mgmt/store/audit.h"

#define VERSION_DIGITS 14

/* This is no appliance: a matter of what runs, not of the request. Else as usual. */
void system_refuse(struct call *c, int rc, const struct err *e)
{
    if (!rc)
        call_problem(c, 503, "Service Unavailable",
                     "the appliance's helper answers another question");
    else if (rc == -ENOTSUP)
        call_problem(c, 409, "Conflict", "%s", e->what);
    else if (rc == -ESTALE)
        call_problem(c, 412, "Precondition Failed", "%s", e->what);
    else
        call_refuse(c, rc, e);
}

static int note(struct call *c, const char *action, uint64_t version, const char *result,
                struct err *e)
{
    char object[24] = "";
    const struct audit_row row = {
        .actor = c->who.name, .action = action, .object = object, .result = result};

    if (version)
        snprintf(object, sizeof object, "%014" PRIu64, version);
    return audit_add(&c->m->store, &row, e);
}

static json_t *version_json(uint64_t version)
{
    return json_sprintf("%014" PRIu64, version);
}

/* ---- what runs ---- */

static json_t *slot_json(const struct system_slot *s)
{
    json_t *out = json_pack("{s:s}", "state", system_slot_states[s->state]);

    if (s->version)
        json_object_set_new(out, "version", version_json(s->version));
    if (s->state == SYSTEM_SLOT_TRIAL)
        json_object_set_new(out, "starts_left", json_integer(s->left));
    return out;
}

void system_tell(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;
    const struct system_status *s = rc ? NULL : a->status;

    if (rc || !s)
        call_problem(c, 503, "Service Unavailable", "%s", rc ? e->what : "no status came");
    else
        call_answer(c, 200,
                    json_pack("{s:o, s:s, s:b, s:I, s:s, s:s, s:{s:o, s:o}}", "version",
                              version_json(s->version), "slot", s->running ? "b" : "a",
                              "installing", s->installing, "uptime_s", (json_int_t)s->uptime_s,
                              "kernel", s->kernel, "key_encryption_key",
                              kek_kept_names[c->m->vault.kek_kept], "slots", "a",
                              slot_json(&s->slots[0]), "b", slot_json(&s->slots[1])));
}

static void on_state(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    system_tell(arg, rc, a, e);
    call_done(arg);
}

/* Ask the helper; the call waits for it. */
void system_ask(struct call *c, uint8_t type, const struct buf *body, appliance_done *done)
{
    struct err e;
    int line = appliance_ask(c->m, type, body, done, c, &e);

    if (line < 0)
        system_refuse(c, line, &e);
    else
        c->waits = true;
}

void system_get(struct call *c)
{
    system_ask(c, SYSTEM_STATE, NULL, on_state);
}

/* ---- which version starts next ---- */

/* "20260131120000"; 0: it is none. */
static uint64_t version_of(const char *text)
{
    if (!text || strlen(text) != VERSION_DIGITS || strspn(text, "0123456789") != VERSION_DIGITS)
        return 0;
    return strtoull(text, NULL, 10);
}

static void on_activated(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;

    if (rc)
        system_refuse(c, rc, e);
    else
        call_answer(c, 200, json_pack("{s:o}", "next", version_json(a->version)));
    call_done(c);
}

void system_activate(struct call *c)
{
    uint64_t version;
    uint8_t mem[16];
    struct err e;
    struct buf b;
    int rc;

    if (!call_object(c))
        return;
    version = version_of(json_string_value(json_object_get(c->json, "version")));
    if (!version || json_object_size(c->json) != 1) {
        call_refuse(c,
                    err_set(&e, -EINVAL, "/version",
                            "give {\"version\": \"20260131120000\"}: one that GET system shows",
                            "is no version"),
                    &e);
        return;
    }
    rc = note(c, "system.activate", version, "asked", &e);
    if (rc) {
        call_refuse(c, rc, &e);
        return;
    }
    buf_init(&b, mem, sizeof mem);
    system_put_version(&b, version);
    system_ask(c, SYSTEM_ACTIVATE, &b, on_activated);
}

/* ---- start and end ---- */

static void on_power(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;

    (void)a;
    if (rc)
        system_refuse(c, rc, e);
    else
        call_answer(c, 202, json_pack("{s:s}", "status", "ending"));
    call_done(c);
}

static void power(struct call *c, enum system_power what, const char *action)
{
    uint8_t mem[8];
    struct err e;
    struct buf b;
    int rc = note(c, action, 0, "asked", &e);

    if (rc) {
        call_refuse(c, rc, &e);
        return;
    }
    buf_init(&b, mem, sizeof mem);
    system_put_power(&b, what);
    system_ask(c, SYSTEM_POWER, &b, on_power);
}

void system_reboot(struct call *c)
{
    power(c, SYSTEM_REBOOT, "system.reboot");
}

void system_shutdown(struct call *c)
{
    power(c, SYSTEM_SHUTDOWN, "system.shutdown");
}

/* ---- an update, as it comes ---- */

/* The call goes on: there is room, or an answer. */
static void wake(void *arg)
{
    upload_wake(arg);
}

static void on_installed(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;
    struct err why;

    c->upload_line = -1;
    if (rc) {
        (void)note(c, "system.update", 0, "refused", &why); /* what is left is to say so */
        system_refuse(c, rc, e);
    } else {
        rc = note(c, "system.update", a->version, "installed", &why);
        if (rc)
            call_refuse(c, rc, &why);
        else
            call_answer(c, 201,
                        json_pack("{s:o, s:s}", "version", version_json(a->version), "state",
                                  system_slot_states[SYSTEM_SLOT_INSTALLED]));
    }
    wake(c);
}

void system_update(struct call *c)
{
    struct err e;
    int line = appliance_ask(c->m, SYSTEM_INSTALL, NULL, on_installed, c, &e);

    if (line < 0)
        system_refuse(c, line, &e);
    else
        c->upload_line = line;
}

static size_t take(struct call *c, const char *data, size_t n)
{
    size_t taken = 0;

    while (taken < n && !c->answered && c->upload_line >= 0) {
        long now = appliance_feed(c->m, c->upload_line, data + taken, n - taken, wake);

        if (now == 0)
            break;
        if (now < 0)
            return taken; /* its answer is on the way */
        taken += (size_t)now;
    }
    return taken;
}

static bool end(struct call *c)
{
    return c->upload_line < 0 || appliance_end(c->m, c->upload_line, wake) != -EAGAIN;
}

static void drop(struct call *c)
{
    if (c->upload_line >= 0)
        appliance_drop(c->m, c->upload_line);
    c->upload_line = -1;
}

const struct upload system_upload = {take, end, drop};
