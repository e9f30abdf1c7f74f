/* network: the appliance's network and clock: what was set, what is there, and changes of it. */
#include "dataplane/wire/network.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/clock.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/system_parts.h"
#include "mgmt/manager.h"
#include "mgmt/model/network_form.h"

/* ---- reading ---- */

static void show_network(struct call *c, const struct system_network *n)
{
    json_t *doc = network_form_write(&n->network);

    document_tag(doc, c->tag);
    call_answer(c, 200, doc);
}

void system_tell_network(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;

    if (rc || !a->network)
        system_refuse(c, rc, e);
    else
        show_network(c, a->network);
}

static void on_network(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    system_tell_network(arg, rc, a, e);
    call_done(arg);
}

void network_get_settings(struct call *c)
{
    system_ask(c, SYSTEM_NETWORK, NULL, on_network);
}

static json_t *live_json(const struct system_live *l)
{
    json_t *addresses = json_array(), *out;
    char text[NETWORK_TEXT];

    for (unsigned i = 0; i < l->n_addresses; i++)
        json_array_append_new(addresses, json_string(network_text(&l->addresses[i], true, text)));
    out = json_pack("{s:s, s:o, s:b, s:b, s:i, s:o}", "name", l->name, "mac",
                    json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", l->mac[0], l->mac[1], l->mac[2],
                                 l->mac[3], l->mac[4], l->mac[5]),
                    "up", l->up, "carrier", l->carrier, "mtu", (int)l->mtu, "addresses", addresses);
    if (l->speed)
        json_object_set_new(out, "speed_mbit", json_integer(l->speed));
    return out;
}

static json_t *route_json(const struct system_route *r)
{
    char text[NETWORK_TEXT];
    json_t *out = json_pack("{s:s, s:s, s:I}", "to", network_text(&r->to, true, text), "interface",
                            r->on, "metric", (json_int_t)r->metric);

    if (r->via.family)
        json_object_set_new(out, "via", json_string(network_text(&r->via, false, text)));
    return out;
}

static json_t *links_json(const struct system_links *l)
{
    json_t *items = json_array(), *routes = json_array();

    for (unsigned i = 0; i < l->n; i++)
        json_array_append_new(items, live_json(&l->links[i]));
    for (unsigned i = 0; i < l->n_routes; i++)
        json_array_append_new(routes, route_json(&l->routes[i]));
    return json_pack("{s:o, s:o}", "items", items, "routes", routes);
}

void system_tell_links(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;

    if (rc || !a->links)
        system_refuse(c, rc, e);
    else
        call_answer(c, 200, links_json(a->links));
}

static void on_links(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    system_tell_links(arg, rc, a, e);
    call_done(arg);
}

void network_get_links(struct call *c)
{
    system_ask(c, SYSTEM_LINKS, NULL, on_links);
}

/* ---- changing: first what there is, for the tag; then the change, of that version ---- */

static int put_note(struct call *c, const char *action, const char *result, struct err *e)
{
    const struct audit_row row = {
        .actor = c->who.name, .action = action, .object = "", .result = result};

    return audit_add(&c->m->store, &row, e);
}

static void show_confirm(struct call *c, uint64_t confirm_s)
{
    call_answer(c, 200, json_pack("{s:s}", "status", confirm_s ? "to be confirmed" : "kept"));
    if (confirm_s)
        json_object_set_new(c->answer, "confirm",
                            json_pack("{s:I}", "seconds_left", (json_int_t)confirm_s));
}

static void on_set(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;
    uint64_t confirm_s;
    struct err why;

    (void)a;
    if (rc) {
        (void)put_note(c, "system.network", "refused", &why);
        system_refuse(c, rc, e);
    } else if (call_number(c, "confirm", SYSTEM_CONFIRM_MAX, 0, &confirm_s)) {
        appliance_trial(c->m, (unsigned)confirm_s);
        show_confirm(c, confirm_s);
    }
    call_done(c);
}

/* True: it is on its way, and its answer will come. */
static bool send_network(struct call *c, const struct system_network *want)
{
    uint8_t mem[NETWORK_BODY_MAX];
    struct err e;
    struct buf b;
    int rc = put_note(c, "system.network", "asked", &e);

    buf_init(&b, mem, sizeof mem);
    system_put_network(&b, want);
    if (!rc)
        rc = appliance_ask(c->m, SYSTEM_NETWORK_SET, &b, on_set, c, &e);
    if (rc < 0)
        system_refuse(c, rc, &e);
    return rc >= 0;
}

/* The tag fits, and the body is good: what is wanted. False: answered. */
static bool wanted(struct call *c, const json_t *now, struct system_network *want)
{
    struct err e;
    uint64_t confirm_s;
    int rc;

    if (!call_may_change(c, true, now) || !call_object(c) ||
        !call_number(c, "confirm", SYSTEM_CONFIRM_MAX, 0, &confirm_s))
        return false;
    want->confirm_s = (uint32_t)confirm_s;
    rc = network_form_read(c->json, &want->network, &e);
    if (rc)
        call_refuse(c, rc, &e);
    return !rc;
}

static void on_before(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct system_network want;
    struct call *c = arg;
    bool good, trial = change_is_trial(c, &good), sent = false;
    json_t *now, *then;

    if (rc || !a->network) {
        system_refuse(c, rc, e);
        call_done(c);
        return;
    }
    now = network_form_write(&a->network->network);
    want.version = a->network->version;
    if (good && wanted(c, now, &want)) {
        then = network_form_write(&want.network);
        if (trial)
            call_answer(c, 200,
                        json_pack("{s:b, s:o}", "dry_run", 1, "changes", document_diff(now, then)));
        else
            sent = send_network(c, &want);
        json_decref(then);
    }
    json_decref(now);
    if (!sent)
        call_done(c);
}

void network_put_settings(struct call *c)
{
    system_ask(c, SYSTEM_NETWORK, NULL, on_before);
}

static void on_confirmed(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;
    struct err why;

    (void)a;
    if (rc == -ENOENT) {
        call_problem(c, 404, "Not Found", "%s", e->what);
    } else if (rc) {
        system_refuse(c, rc, e);
    } else {
        appliance_trial(c->m, 0);
        (void)put_note(c, "system.network.confirm", "confirmed", &why);
        show_confirm(c, 0);
    }
    call_done(c);
}

void network_confirm(struct call *c)
{
    system_ask(c, SYSTEM_NETWORK_CONFIRM, NULL, on_confirmed);
}

/* ---- the time ---- */

static json_t *date(int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm t;
    char text[40] = "-";

    if (gmtime_r(&at, &t))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t);
    return json_string(text);
}

void system_tell_time(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;
    json_t *doc;
    const char *wrong;

    if (rc || !a->time) {
        system_refuse(c, rc, e);
        return;
    }
    doc = network_form_write_time(&a->time->time);
    document_tag(doc, c->tag);
    json_object_set_new(doc, "clock",
                        json_pack("{s:o, s:o, s:b, s:f, s:f}", "now", date(clock_wall_s()), "built",
                                  date(a->time->built_s), "synchronised", a->time->synchronised,
                                  "offset_s", (double)a->time->offset_us / 1e6, "max_error_s",
                                  (double)a->time->max_error_us / 1e6));
    wrong = appliance_clock_wrong(a->time, clock_wall_s());
    if (wrong)
        json_object_set_new(json_object_get(doc, "clock"), "warning", json_string(wrong));
    call_answer(c, 200, doc);
}

static void on_time(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    system_tell_time(arg, rc, a, e);
    call_done(arg);
}

void network_get_time_settings(struct call *c)
{
    system_ask(c, SYSTEM_TIME, NULL, on_time);
}

static void on_time_set(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;

    (void)a;
    if (rc)
        system_refuse(c, rc, e);
    else
        show_confirm(c, 0);
    call_done(c);
}

static bool send_time(struct call *c, const struct system_time *want)
{
    uint8_t mem[2048];
    struct err e;
    struct buf b;
    int rc = put_note(c, "system.time", "asked", &e);

    buf_init(&b, mem, sizeof mem);
    system_put_time(&b, want);
    if (!rc)
        rc = appliance_ask(c->m, SYSTEM_TIME_SET, &b, on_time_set, c, &e);
    if (rc < 0)
        system_refuse(c, rc, &e);
    return rc >= 0;
}

static void on_time_before(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;
    struct system_time want = {0};
    bool good, trial = change_is_trial(c, &good), sent = false;
    struct err why;
    json_t *now;

    if (rc || !a->time) {
        system_refuse(c, rc, e);
        call_done(c);
        return;
    }
    now = network_form_write_time(&a->time->time);
    want.version = a->time->version;
    if (good && call_may_change(c, true, now) && call_object(c)) {
        rc = network_form_read_time(c->json, &want.time, &why);
        if (rc)
            call_refuse(c, rc, &why);
        else if (trial)
            call_answer(
                c, 200,
                json_pack("{s:b, s:o}", "dry_run", 1, "changes", document_diff(now, c->json)));
        else
            sent = send_time(c, &want);
    }
    json_decref(now);
    if (!sent)
        call_done(c);
}

void network_put_time_settings(struct call *c)
{
    system_ask(c, SYSTEM_TIME, NULL, on_time_before);
}
