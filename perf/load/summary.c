#include "perf/load/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"

#define BUSY 0.9 /* of what it may use: the limit */

static double seconds(const struct result *r)
{
    return r->window_ns ? (double)r->window_ns / 1e9 : 1e-9;
}

/* It used its CPUs up, or one of its threads used one up. */
static bool saturated(const struct busy *b)
{
    double wall = (double)b->over_ns;

    return b->known && wall > 0 &&
           ((double)b->cpu_ns > BUSY * wall * b->cpus || (double)b->most_ns > BUSY * wall);
}

/* The generator alone, or with the backend on the same CPUs, has used them up. */
static bool exhausted(const struct result *r)
{
    struct busy both = r->generator;

    if (r->backend_shares)
        both.cpu_ns += r->backend.cpu_ns;
    return saturated(&both);
}

const char *summary_bottleneck(const struct result *r)
{
    if (saturated(&r->gateway))
        return "gateway";
    if (exhausted(r))
        return r->gateway.known ? "generator" : "unknown";
    if (saturated(&r->backend))
        return "backend";
    return r->gateway.known ? "none" : "unknown";
}

static const struct {
    const char *name;
    uint32_t share;
} shares[] = {{"p50", 500000}, {"p90", 900000}, {"p99", 990000}, {"p99_9", 999000}};

static void print_hist(const char *name, const struct hist *h)
{
    if (!h->count)
        return;
    printf("%-22s", name);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        printf(" %10.1f", (double)hist_at(h, shares[i].share) / 1e3);
    printf(" %10.1f  (%" PRIu64 ")\n", (double)h->max / 1e3, h->count);
}

static void print_faults(const struct counts *c)
{
    for (int f = 0; f < FAULT_COUNT; f++)
        if (c->faults[f])
            printf("error %-16s %10" PRIu64 "\n", tally_fault_name((enum fault)f), c->faults[f]);
    for (int a = 0; a < 256; a++)
        if (c->alerts[a])
            printf("alert %-16s %10" PRIu64 "\n", SSL_alert_desc_string_long(a), c->alerts[a]);
}

/* CPU of one side, and what that is for each piece of work; 0 where no such work was done. */
struct cost {
    double cpu_s, of_one, us_each, s_per_gb;
};

static struct cost cost_of(const struct result *r, const struct busy *b)
{
    const struct counts *w = &r->window;
    uint64_t pieces = w->exchanges > w->established ? w->exchanges : w->established;
    /* A rate by a rate: the readings of CPU and of work are not over quite the same time. */
    double of_one = b->over_ns ? (double)b->cpu_ns / (double)b->over_ns : 0;
    struct cost c = {.cpu_s = (double)b->cpu_ns / 1e9, .of_one = of_one};

    if (pieces)
        c.us_each = of_one * (double)r->window_ns / 1e3 / (double)pieces;
    if (r->o->mode == LOAD_BULK && w->up + w->down)
        c.s_per_gb = of_one * (double)r->window_ns / (double)(w->up + w->down);
    return c;
}

static void print_busy(const struct result *r, const char *name, const struct busy *b)
{
    struct cost c = cost_of(r, b);

    if (!b->known)
        return;
    printf("%-10s CPU %.3f s, %.0f %% of one", name, c.cpu_s, c.of_one * 100);
    if (c.s_per_gb > 0)
        printf(", %.3f s/GB", c.s_per_gb);
    else if (c.us_each > 0)
        printf(", %.1f us for each", c.us_each);
    printf("\n");
}

static void print_rates(const struct result *r)
{
    const struct counts *w = &r->window;
    double s = seconds(r);

    printf("%s, %.2f s: %.1f handshakes/s, %.1f exchanges/s, up %.1f MB/s, down %.1f MB/s\n",
           options_mode_name(r->o->mode), s, (double)w->established / s, (double)w->exchanges / s,
           (double)w->up / 1e6 / s, (double)w->down / 1e6 / s);
    printf("sessions: %" PRIu64 " at once, %" PRIu64 " attempts, %" PRIu64 " established, %" PRIu64
           " closed well\n",
           r->most_open, r->all.attempts, r->all.established, r->all.closed);
}

void summary_print(const struct result *r)
{
    const char *limit = summary_bottleneck(r);

    print_rates(r);
    if (r->shake.count + r->ready.count + r->trip.count)
        printf("%-22s %10s %10s %10s %10s %10s\n", "microseconds", "p50", "p90", "p99", "p99.9",
               "max");
    print_hist("handshake", &r->shake);
    print_hist("established", &r->ready);
    print_hist("exchange", &r->trip);
    if (r->unanswered)
        printf("unanswered %" PRIu64 "\n", r->unanswered);
    if (r->unfinished)
        printf("unfinished %" PRIu64 "\n", r->unfinished);
    print_faults(&r->all);
    print_busy(r, "generator", &r->generator);
    print_busy(r, "gateway", &r->gateway);
    print_busy(r, "backend", &r->backend);
    if (!strcmp(limit, "generator") || !strcmp(limit, "backend"))
        printf("THE %s WAS THE BOTTLENECK: these figures are not the gateway's; give it more "
               "cores\n",
               strcmp(limit, "backend") ? "GENERATOR" : "BACKEND");
    else if (exhausted(r) && !r->gateway.known)
        printf("THE GENERATOR USED UP ITS CPU; whether the gateway did is not known here "
               "(--gateway-pid)\n");
}

static json_t *json_counts(const struct counts *c)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "attempts", (json_int_t)c->attempts,
                     "handshakes", (json_int_t)c->handshakes, "established",
                     (json_int_t)c->established, "closed", (json_int_t)c->closed, "receipts",
                     (json_int_t)c->receipts, "exchanges", (json_int_t)c->exchanges, "bytes_up",
                     (json_int_t)c->up, "bytes_down", (json_int_t)c->down);
}

static json_t *json_hist(const struct hist *h)
{
    json_t *j = json_pack("{s:I,s:f,s:f,s:f}", "count", (json_int_t)h->count, "mean",
                          hist_mean(h) / 1e3, "min", (double)h->min / 1e3, "max",
                          (double)h->max / 1e3);

    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        json_object_set_new(j, shares[i].name,
                            json_real((double)hist_at(h, shares[i].share) / 1e3));
    return j;
}

static json_t *json_faults(const struct counts *c)
{
    json_t *j = json_object();

    for (int f = 0; f < FAULT_COUNT; f++)
        if (c->faults[f])
            json_object_set_new(j, tally_fault_name((enum fault)f),
                                json_integer((json_int_t)c->faults[f]));
    return j;
}

static json_t *json_alerts(const struct counts *c)
{
    json_t *j = json_object();

    for (int a = 0; a < 256; a++) {
        char name[64];

        snprintf(name, sizeof(name), "%s", SSL_alert_desc_string_long(a));
        if (c->alerts[a])
            json_object_set_new(j, name, json_integer((json_int_t)c->alerts[a]));
    }
    return j;
}

static json_t *json_busy(const struct result *r, const struct busy *b)
{
    struct cost c = cost_of(r, b);

    if (!b->known)
        return json_null();
    return json_pack("{s:f,s:f,s:i,s:f,s:f,s:b}", "cpu_s", c.cpu_s, "busiest",
                     b->over_ns ? (double)b->most_ns / (double)b->over_ns : 0.0, "cpus",
                     (int)b->cpus, "cpu_us_each", c.us_each, "cpu_s_per_gb", c.s_per_gb,
                     "saturated", saturated(b));
}

static json_t *json_rates(const struct result *r)
{
    const struct counts *w = &r->window;
    double s = seconds(r);

    return json_pack("{s:f,s:f,s:f,s:f}", "handshakes", (double)w->established / s, "exchanges",
                     (double)w->exchanges / s, "mb_up", (double)w->up / 1e6 / s, "mb_down",
                     (double)w->down / 1e6 / s);
}

int summary_json(const struct result *r, const char *path)
{
    const struct options *o = r->o;
    json_t *j = json_pack(
        "{s:s,s:f,s:f,s:f,s:i,s:i,s:i,s:f,s:i,s:I,s:I,s:I,s:s}", "mode", options_mode_name(o->mode),
        "seconds", seconds(r), "begin_s", (double)r->begin_ns / 1e9, "setup_s",
        (double)r->setup_ns / 1e9, "processes", (int)o->processes, "sessions", (int)o->sessions,
        "concurrency", (int)o->concurrency, "rate", o->rate, "size", (int)o->size, "most_open",
        (json_int_t)r->most_open, "unanswered", (json_int_t)r->unanswered, "unfinished",
        (json_int_t)r->unfinished, "bottleneck", summary_bottleneck(r));
    int rc = j ? 0 : -ENOMEM;

    if (!j)
        return rc;
    json_object_set_new(j, "per_second", json_rates(r));
    json_object_set_new(j, "window", json_counts(&r->window));
    json_object_set_new(j, "total", json_counts(&r->all));
    json_object_set_new(j, "handshake_us", json_hist(&r->shake));
    json_object_set_new(j, "established_us", json_hist(&r->ready));
    json_object_set_new(j, "exchange_us", json_hist(&r->trip));
    json_object_set_new(j, "errors", json_faults(&r->all));
    json_object_set_new(j, "alerts", json_alerts(&r->all));
    json_object_set_new(j, "generator", json_busy(r, &r->generator));
    json_object_set_new(j, "gateway", json_busy(r, &r->gateway));
    json_object_set_new(j, "backend", json_busy(r, &r->backend));
    if (json_dump_file(j, path, JSON_INDENT(1) | JSON_REAL_PRECISION(15)))
        rc = errno ? -errno : -EIO;
    json_decref(j);
    return rc;
}
