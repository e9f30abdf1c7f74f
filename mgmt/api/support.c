/* support: what somebody who is asked for help wants to see, in one file and without a secret. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/system_parts.h"
#include "mgmt/manager.h"
#include "mgmt/redact.h"
#include "mgmt/store/audit.h"

#define SECTION_MAX (1024u * 1024) /* of its text */
#define LOG_MAX     (256u * 1024)
#define AUDIT_ROWS  100

static const char *token_of(const struct manager *m)
{
    return json_string_value(json_object_get(m->authority, "token"));
}

/* A section is bounded, and is said to be left out rather than cut in the middle. */
static void add(json_t *bundle, const struct manager *m, const char *name, json_t *section)
{
    char *text;

    redact_json(section, token_of(m));
    text = json_dumps(section, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text && strlen(text) > SECTION_MAX) {
        json_decref(section);
        section = json_pack("{s:s, s:I}", "left_out", "it is too large", "bytes",
                            (json_int_t)strlen(text));
    }
    free(text);
    json_object_set_new(bundle, name, section ? section : json_null());
}

/* The answer of another request, taken from the call, which is as it was. */
static json_t *take_answer(struct call *c)
{
    json_t *out = c->answer ? json_incref(c->answer) : c->text ? json_string(c->text) : json_null();

    json_decref(c->answer);
    free(c->text);
    c->answer = NULL;
    c->text = NULL;
    c->type = NULL;
    c->tag[0] = '\0';
    c->revision = 0;
    c->answered = false;
    return out;
}

static json_t *ask(struct call *c, void (*answer)(struct call *c))
{
    json_t *copy, *out;

    answer(c);
    out = take_answer(c);
    copy = json_deep_copy(out); /* it may be a part of what runs */
    json_decref(out);
    return copy;
}

/* "model name" of the first processor, if the system tells. */
static json_t *processor(void)
{
    FILE *in = fopen("/proc/cpuinfo", "re");
    char line[512];
    json_t *name = NULL;

    while (in && !name && fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, "model name", 10) && strchr(line, ':'))
            name = json_string(strchr(line, ':') + 2);
    }
    if (in)
        fclose(in);
    return name ? name : json_null();
}

static json_t *machine(void)
{
    struct utsname u = {0};
    struct sysinfo s = {0};

    uname(&u);
    sysinfo(&s);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:i, s:I, s:I, s:I, s:[f, f, f]}", "host", u.nodename, "kernel",
        u.release, "build", u.version, "architecture", u.machine, "processor", processor(),
        "processors", get_nprocs(), "memory_bytes", (json_int_t)s.totalram * s.mem_unit,
        "free_bytes", (json_int_t)s.freeram * s.mem_unit, "uptime_s", (json_int_t)s.uptime, "load",
        (double)s.loads[0] / 65536, (double)s.loads[1] / 65536, (double)s.loads[2] / 65536);
}

/* Which processes this one can talk to. */
static json_t *processes(const struct manager *m)
{
    unsigned workers = 0;

    for (unsigned i = 0; i < m->n_workers; i++)
        workers += m->workers[i] >= 0;
    return json_pack("{s:i, s:b, s:b, s:b, s:I}", "workers", (int)workers, "keyring",
                     m->vault.fd >= 0, "judge", m->judge >= 0, "store", m->store.db != NULL,
                     "management_uptime_s", (json_int_t)((clock_mono_ms() - m->start_ms) / 1000));
}

static json_t *log_lines(const struct manager *m)
{
    struct journal_at at = journal_last(&m->journal, LOG_MAX);
    json_t *lines = json_array();
    const char *line;
    size_t n;

    while ((line = journal_next(&m->journal, &at, &n)))
        json_array_append_new(lines, json_stringn(line, n));
    return lines;
}

static json_t *audit(struct manager *m)
{
    json_t *rows = m->store.db ? audit_list(&m->store, 0, AUDIT_ROWS) : NULL;

    return rows ? rows : json_null();
}

static int note(struct call *c, struct err *e)
{
    const struct audit_row row = {
        .actor = c->who.name, .action = "support.bundle", .object = "", .result = "done"};

    return c->m->store.db ? audit_add(&c->m->store, &row, e) : 0;
}

/* ---- of an appliance: its helper is asked for one part after the other ---- */

struct asking {
    struct call *call;
    json_t *bundle;
    size_t next; /* of appliance_parts */
};

static json_t *unit_json(const struct system_unit *u)
{
    json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:I}", "name", u->name, "active", u->active,
                            "sub", u->sub, "result", u->result, "restarts",
                            (json_int_t)u->restarts);

    if (u->memory)
        json_object_set_new(out, "memory_bytes", json_integer((json_int_t)u->memory));
    return out;
}

static json_t *listener_json(const struct system_listener *l)
{
    char text[NETWORK_TEXT];

    return json_pack("{s:s, s:s, s:i, s:I}", "protocol", system_protocols[l->protocol], "address",
                     network_text(&l->address, false, text), "port", (int)l->port, "user",
                     (json_int_t)l->user);
}

static json_t *checkup_json(const struct system_checkup *k)
{
    json_t *units = json_array(), *counters = json_object(), *listeners = json_array();

    for (unsigned i = 0; i < k->n_units; i++)
        json_array_append_new(units, unit_json(&k->units[i]));
    for (unsigned i = 0; i < k->n_counters; i++)
        json_object_set_new(counters, k->counters[i].name,
                            json_pack("{s:I, s:I}", "packets", (json_int_t)k->counters[i].packets,
                                      "bytes", (json_int_t)k->counters[i].bytes));
    for (unsigned i = 0; i < k->n_listeners; i++)
        json_array_append_new(listeners, listener_json(&k->listeners[i]));
    return json_pack("{s:o, s:o, s:o}", "units", units, "packet_filter", counters, "listeners",
                     listeners);
}

static void tell_checkup(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    if (rc || !a->checkup)
        system_refuse(arg, rc, e);
    else
        call_answer(arg, 200, checkup_json(a->checkup));
}

/* Its lines, the last one last. */
static void tell_journal(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    json_t *lines;

    if (rc || !a->journal) {
        system_refuse(arg, rc, e);
        return;
    }
    lines = json_array();
    for (const char *at = a->journal; *at;) {
        size_t n = strcspn(at, "\n");

        json_array_append_new(lines, json_stringn(at, n));
        at += n + (at[n] == '\n');
    }
    call_answer(arg, 200, lines);
}

static const struct {
    const char *name;
    uint8_t type;
    appliance_done *tell;
} appliance_parts[] = {{"system", SYSTEM_STATE, system_tell},
                       {"network", SYSTEM_NETWORK, system_tell_network},
                       {"interfaces", SYSTEM_LINKS, system_tell_links},
                       {"devices", SYSTEM_DEVICES, system_tell_devices},
                       {"time", SYSTEM_TIME, system_tell_time},
                       {"checkup", SYSTEM_CHECKUP, tell_checkup},
                       {"journal", SYSTEM_JOURNAL, tell_journal}};

static void ask_next(struct asking *q);

static void on_part(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct asking *q = arg;

    appliance_parts[q->next].tell(q->call, rc, a, e);
    add(q->bundle, q->call->m, appliance_parts[q->next].name, take_answer(q->call));
    q->next++;
    ask_next(q);
}

static void ask_next(struct asking *q)
{
    struct call *c = q->call;
    struct err e;
    int line = -ENOTSUP;

    if (q->next < ARRAY_LEN(appliance_parts)) {
        line = appliance_ask(c->m, appliance_parts[q->next].type, NULL, on_part, q, &e);
        if (line >= 0)
            return;
        add(q->bundle, c->m, "appliance", json_pack("{s:s}", "left_out", e.what));
    }
    call_answer(c, 200, q->bundle);
    free(q);
    call_done(c);
}

static void ask_appliance(struct call *c, json_t *bundle)
{
    struct asking *q = calloc(1, sizeof *q);

    if (!q) {
        json_decref(bundle);
        call_problem(c, 503, "Service Unavailable", "out of memory");
        return;
    }
    q->call = c;
    q->bundle = bundle;
    c->waits = true;
    ask_next(q);
}

void support_get(struct call *c)
{
    static const struct {
        const char *name;
        void (*answer)(struct call *c);
    } asked[] = {{"status", live_status},         {"statistics", live_stats},
                 {"inventory", inventory_get},    {"schedule", schedule_get},
                 {"refusals", watch_refusals},    {"peers", peers_list},
                 {"revisions", config_revisions}, {"metrics", metrics_get}};
    struct manager *m = c->m;
    json_t *bundle;
    struct err e;
    int rc = note(c, &e);

    if (rc) {
        call_refuse(c, rc, &e);
        return;
    }
    bundle = json_pack("{s:I, s:I, s:s}", "made_at", (json_int_t)clock_wall_s(), "revision",
                       (json_int_t)m->revision, "openssl", OpenSSL_version(OPENSSL_VERSION));
    add(bundle, m, "machine", machine());
    add(bundle, m, "processes", processes(m));
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        add(bundle, m, asked[i].name, ask(c, asked[i].answer));
    add(bundle, m, "configuration", json_deep_copy(m->document));
    add(bundle, m, "audit", audit(m));
    add(bundle, m, "log", log_lines(m));
    if (m->appliance.path[0])
        ask_appliance(c, bundle);
    else
        call_answer(c, 200, bundle);
}
