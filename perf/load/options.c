#include "perf/load/options.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/suite.h"

#define BIT(mode)  (1u << (mode))
#define CLIENTS    (BIT(LOAD_SINK) - 1) /* every mode that connects */
#define SESSIONS   (BIT(LOAD_BULK) | BIT(LOAD_ROUNDTRIP) | BIT(LOAD_IDLE) | BIT(LOAD_FANIN))
#define PACED      (BIT(LOAD_HANDSHAKES) | BIT(LOAD_ROUNDTRIP) | BIT(LOAD_CHURN) | BIT(LOAD_FANIN))
#define SIZED      (BIT(LOAD_ROUNDTRIP) | BIT(LOAD_CHURN) | BIT(LOAD_FANIN))
#define ALL        (CLIENTS | BIT(LOAD_SINK))
#define HOUR_MS    3600000.0
#define AT(member) offsetof(struct options, member)

static const char *const modes[] = {
    [LOAD_HANDSHAKES] = "handshakes",
    [LOAD_BULK] = "bulk",
    [LOAD_ROUNDTRIP] = "roundtrip",
    [LOAD_IDLE] = "idle",
    [LOAD_CHURN] = "churn",
    [LOAD_FANIN] = "fanin",
    [LOAD_SINK] = "sink",
    [LOAD_HELP] = "--help",
};

struct row {
    const char *name;
    /* Store the value at `out`; 0 or -EINVAL with *e. */
    int (*take)(const struct row *r, const char *value, void *out, struct err *e);
    size_t at;
    double max;
    uint32_t modes; /* which know it */
};

static int refuse(const struct row *r, const char *value, const char *fix, struct err *e)
{
    return err_set(e, -EINVAL, r->name, fix, "not a value that it takes: \"%.64s\"", value);
}

static int take_text(const struct row *r, const char *value, void *out, struct err *e)
{
    if (!value[0])
        return refuse(r, value, "give a name", e);
    memcpy(out, &value, sizeof(value));
    return 0;
}

static int take_addr(const struct row *r, const char *value, void *out, struct err *e)
{
    struct addr a;

    if (addr_parse(&a, value) || !addr_is_ip(&a))
        return refuse(r, value, "give an address with a port: 192.0.2.1:443, [2001:db8::1]:443", e);
    memcpy(out, &a, sizeof(a));
    return 0;
}

static bool number(const char *value, double max, double *out)
{
    char *end;
    double v;

    if (value[0] < '0' || value[0] > '9')
        return false;
    v = strtod(value, &end);
    if (*end || !isfinite(v) || v > max)
        return false;
    *out = v;
    return true;
}

static int take_count(const struct row *r, const char *value, void *out, struct err *e)
{
    double v;
    uint32_t n;

    if (!number(value, r->max, &v) || v < 1 || v != floor(v))
        return err_set(e, -EINVAL, r->name, NULL, "wants a whole number from 1 to %.0f, not %.32s",
                       r->max, value);
    n = (uint32_t)v;
    memcpy(out, &n, sizeof(n));
    return 0;
}

static int take_rate(const struct row *r, const char *value, void *out, struct err *e)
{
    double v;

    if (!number(value, r->max, &v) || v < 0.01)
        return err_set(e, -EINVAL, r->name, NULL,
                       "wants a number a second, 0.01 to %.0f, not %.32s", r->max, value);
    memcpy(out, &v, sizeof(v));
    return 0;
}

static int take_seconds(const struct row *r, const char *value, void *out, struct err *e)
{
    double v;
    uint64_t ms;

    if (!number(value, r->max / 1000, &v))
        return err_set(e, -EINVAL, r->name, NULL, "wants seconds, 0 to %.0f, not %.32s",
                       r->max / 1000, value);
    ms = (uint64_t)(v * 1000 + 0.5);
    memcpy(out, &ms, sizeof(ms));
    return 0;
}

static int take_tls(const struct row *r, const char *value, void *out, struct err *e)
{
    uint16_t v = !strcmp(value, "1.3") ? TLS13 : !strcmp(value, "1.2") ? TLS12 : 0;

    if (!v)
        return refuse(r, value, "give 1.2 or 1.3", e);
    memcpy(out, &v, sizeof(v));
    return 0;
}

static int take_direction(const struct row *r, const char *value, void *out, struct err *e)
{
    static const char *const names[] = {NULL, "up", "down", "both"};

    for (unsigned i = DIRECTION_UP; i <= DIRECTION_BOTH; i++) {
        enum direction d = (enum direction)i;

        if (strcmp(value, names[i]))
            continue;
        memcpy(out, &d, sizeof(d));
        return 0;
    }
    return refuse(r, value, "give up, down or both", e);
}

static int take_answer(const struct row *r, const char *value, void *out, struct err *e)
{
    static const char *const names[] = {"task", "echo", "discard", "source"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(value, names[i]))
            return take_text(r, value, out, e);
    return refuse(r, value, "give task, echo, discard or source", e);
}

static int take_cpus(const struct row *r, const char *value, void *out, struct err *e)
{
    struct options *o = out;
    const char *at = value;

    o->n_cpus = 0;
    for (;;) {
        char *end;
        unsigned long cpu = strtoul(at, &end, 10);

        if (end == at || at[0] < '0' || at[0] > '9' || cpu > 1023 || o->n_cpus == OPTIONS_CPUS ||
            (*end && *end != ','))
            return refuse(r, value, "give CPU numbers with commas between them, at most 64", e);
        o->cpus[o->n_cpus++] = (uint16_t)cpu;
        if (!*end)
            return 0;
        at = end + 1;
    }
}

static int take_sources(const struct row *r, const char *value, void *out, struct err *e)
{
    struct options *o = out;
    const char *at = value;

    o->n_sources = 0;
    for (;;) {
        size_t n = strcspn(at, ",");
        char text[ADDR_TEXT_MAX];
        bool v6 = memchr(at, ':', n);

        if (!n || n > 64 || o->n_sources == OPTIONS_SOURCES)
            return refuse(r, value, "give addresses without ports, at most 64", e);
        snprintf(text, sizeof(text), "%s%.*s%s:0", v6 ? "[" : "", (int)n, at, v6 ? "]" : "");
        if (addr_parse(&o->sources[o->n_sources++], text))
            return refuse(r, value, "give addresses without ports, at most 64", e);
        if (!at[n])
            return 0;
        at += n + 1;
    }
}

static const struct row rows[] = {
    {"--connect", take_addr, AT(address), 0, CLIENTS},
    {"--listen", take_addr, AT(address), 0, BIT(LOAD_SINK)},
    {"--name", take_text, AT(name), 0, CLIENTS},
    {"--ca", take_text, AT(ca), 0, CLIENTS},
    {"--cert", take_text, AT(cert), 0, CLIENTS},
    {"--key", take_text, AT(key), 0, CLIENTS},
    {"--cert-dir", take_text, AT(cert_dir), 0, CLIENTS},
    {"--tls", take_tls, AT(tls), 0, CLIENTS},
    {"--suites", take_text, AT(suites), 0, CLIENTS},
    {"--groups", take_text, AT(groups), 0, CLIENTS},
    {"--source", take_sources, 0, 0, CLIENTS},
    {"--processes", take_count, AT(processes), 64, ALL},
    {"--pin", take_cpus, 0, 0, ALL},
    {"--duration", take_seconds, AT(duration_ms), 24 * HOUR_MS, ALL},
    {"--warmup", take_seconds, AT(warmup_ms), HOUR_MS, CLIENTS},
    {"--timeout", take_seconds, AT(timeout_ms), HOUR_MS, CLIENTS},
    {"--sessions", take_count, AT(sessions), 1000000, SESSIONS},
    {"--concurrency", take_count, AT(concurrency), 100000, CLIENTS},
    {"--rate", take_rate, AT(rate), 1e7, PACED},
    {"--size", take_count, AT(size), OPTIONS_SIZE, SIZED},
    {"--direction", take_direction, AT(direction), 0, BIT(LOAD_BULK)},
    {"--json", take_text, AT(json), 0, CLIENTS},
    {"--gateway-pid", take_count, AT(gateway_pid), 4194304, CLIENTS},
    {"--backend-pid", take_count, AT(backend_pid), 4194304, CLIENTS},
    {"--answer", take_answer, AT(answer), 0, BIT(LOAD_SINK)},
    {"--plain", NULL, AT(plain), 0, CLIENTS},
    {"--quiet", NULL, AT(quiet), 0, ALL},
};

static const char usage[] =
    "usage: penstock-load MODE OPTION...\n"
    "\n"
    "  handshakes  full mTLS handshakes, one after the other or at a rate\n"
    "  churn       connect, one exchange, close\n"
    "  bulk        bytes through established sessions: --direction up|down|both\n"
    "  roundtrip   requests and answers at a fixed rate: --rate N --size BYTES\n"
    "  fanin       many sessions, few bytes each, in turn\n"
    "  idle        hold established sessions\n"
    "  sink        the plain backend that the others need: --listen ADDRESS\n"
    "\n"
    "  --connect ADDRESS   the gateway, 192.0.2.1:443\n"
    "  --name NAME         its server name; --ca FILE: anchors for its certificate\n"
    "  --cert FILE --key FILE, or --cert-dir DIR with many in turn (NAME.key beside\n"
    "                      NAME.chain.pem or NAME.pem)\n"
    "  --tls 1.2|1.3       and only that; default 1.3\n"
    "  --suites A:B --groups A:B\n"
    "  --plain             no TLS at all, to measure a bare relay: a floor\n"
    "  --source IP,IP      own addresses to connect from, in turn\n"
    "  --sessions N        held at once (default 1; idle, fanin 100)\n"
    "  --concurrency N     under way at once (default 16; with --rate 1000)\n"
    "  --rate N            a second; latency counts from when each was due\n"
    "  --size BYTES        of a request, and of its answer (default 64)\n"
    "  --duration S --warmup S --timeout S   (default 10, 1, 10)\n"
    "  --processes N --pin CPU,CPU           (default 1, not pinned)\n"
    "  --json FILE         write the result there too; --quiet: no progress lines\n"
    "  --gateway-pid PID --backend-pid PID   tell their CPU too (with all below them)\n"
    "  sink: --answer task|echo|discard|source (default task: as each session asks)\n"
    "\n"
    "Exit status: 0 measured, 1 failure, 2 bad command line. What each figure means:\n"
    "perf/README.md.\n";

const char *options_usage(void)
{
    return usage;
}

const char *options_mode_name(enum load_mode mode)
{
    return modes[mode];
}

static int missing(struct err *e, const char *name)
{
    return err_set(e, -EINVAL, name, "see penstock-load --help", "is missing");
}

/* Whom to believe and who we are. */
static int complete_tls(const struct options *o, struct err *e)
{
    if (o->plain) {
        if (o->name || o->ca || o->cert || o->key || o->cert_dir || o->suites || o->groups)
            return err_set(e, -EINVAL, "--plain", NULL,
                           "and the options of TLS exclude each other");
        return 0;
    }
    if (!o->name)
        return missing(e, "--name");
    if (!o->ca)
        return missing(e, "--ca");
    if (!o->cert_dir && !(o->cert && o->key))
        return missing(e, "--cert and --key, or --cert-dir");
    if (o->cert_dir && (o->cert || o->key))
        return err_set(e, -EINVAL, "--cert-dir", NULL, "and --cert or --key exclude each other");
    return 0;
}

static int complete(struct options *o, struct err *e)
{
    bool many = o->mode == LOAD_IDLE || o->mode == LOAD_FANIN;
    int rc;

    if (!o->address.len)
        return missing(e, o->mode == LOAD_SINK ? "--listen" : "--connect");
    if (o->mode == LOAD_SINK)
        return 0;
    rc = complete_tls(o, e);
    if (rc)
        return rc;
    if (o->mode == LOAD_ROUNDTRIP && !o->rate)
        return missing(e, "--rate");
    if (o->mode == LOAD_BULK && !o->direction)
        return missing(e, "--direction");
    if (!o->duration_ms || !o->timeout_ms)
        return err_set(e, -EINVAL, o->duration_ms ? "--timeout" : "--duration", NULL,
                       "must be above 0");
    for (uint32_t i = 0; i < o->n_sources; i++)
        if (o->sources[i].sa.sa_family != o->address.sa.sa_family)
            return err_set(e, -EINVAL, "--source", NULL, "and --connect are of different families");
    if (!o->sessions)
        o->sessions = many ? 100 : 1;
    if (!o->concurrency)
        o->concurrency = o->rate && !(BIT(o->mode) & SESSIONS) ? 1000 : 16;
    return 0;
}

static const struct row *find(const char *name, const char **value)
{
    size_t n = strcspn(name, "=");

    *value = name[n] ? name + n + 1 : NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strlen(rows[i].name) == n && !strncmp(rows[i].name, name, n))
            return &rows[i];
    return NULL;
}

static int take_all(struct options *o, int argc, char *const argv[], struct err *e)
{
    for (int i = 2; i < argc; i++) {
        const char *value;
        const struct row *r = find(argv[i], &value);
        int rc;

        if (!r)
            return err_set(e, -EINVAL, NULL, "see penstock-load --help", "unknown option \"%.64s\"",
                           argv[i]);
        if (!(r->modes & BIT(o->mode)))
            return err_set(e, -EINVAL, r->name, NULL, "means nothing to %s", modes[o->mode]);
        if (!r->take) {
            if (value)
                return err_set(e, -EINVAL, r->name, NULL, "takes no value");
            *(bool *)((char *)o + r->at) = true;
            continue;
        }
        if (!value && i + 1 < argc)
            value = argv[++i];
        if (!value)
            return err_set(e, -EINVAL, r->name, NULL, "wants a value");
        rc = r->take(r, value, (char *)o + r->at, e);
        if (rc)
            return rc;
    }
    return 0;
}

int options_parse(struct options *o, int argc, char *const argv[], struct err *e)
{
    struct options made = {.tls = TLS13,
                           .processes = 1,
                           .warmup_ms = 1000,
                           .timeout_ms = 10000,
                           .size = 64,
                           .answer = "task",
                           .mode = LOAD_MODES};
    int rc;

    if (argc < 2)
        return err_set(e, -EINVAL, NULL, "see penstock-load --help", "no mode is given");
    for (int i = 0; i < LOAD_MODES; i++)
        if (!strcmp(argv[1], modes[i]))
            made.mode = (enum load_mode)i;
    if (made.mode == LOAD_MODES)
        return err_set(e, -EINVAL, NULL, "see penstock-load --help", "unknown mode \"%.64s\"",
                       argv[1]);
    if (made.mode != LOAD_HELP) {
        made.duration_ms = made.mode == LOAD_SINK ? 0 : 10000;
        rc = take_all(&made, argc, argv, e);
        rc = rc ? rc : complete(&made, e);
        if (rc)
            return rc;
    }
    *o = made;
    return 0;
}
