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

/* What another request would be answered with; the call is as it was. */
static json_t *ask(struct call *c, void (*answer)(struct call *c))
{
    json_t *out;

    answer(c);
    out = c->answer ? json_deep_copy(c->answer) : c->text ? json_string(c->text) : json_null();
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
    call_answer(c, 200, bundle);
}
