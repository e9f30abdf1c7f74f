/* metrics: the counters as Prometheus reads them (text format 0.0.4; base units, seconds and
 * bytes). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "mgmt/api/handlers.h"
#include "mgmt/ask.h"

static void family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped. */
static void label(FILE *out, const char *key, const char *value)
{
    fprintf(out, "%s=\"", key);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            fputc('\\', out);
        if (*value == '\n')
            fputs("\\n", out);
        else
            fputc(*value, out);
    }
    fputc('"', out);
}

static const struct {
    const char *name, *type, *help, *key;
} by_link[] = {
    {"penstock_link_sessions", "gauge", "Live sessions.", "live"},
    {"penstock_link_handshakes", "gauge", "Sessions that are being set up.", "shaking"},
    {"penstock_link_accepted_total", "counter", "Connections accepted.", "accepted"},
    {"penstock_link_keyed_total", "counter", "TLS handshakes completed, of either side.", "keyed"},
    {"penstock_link_refused_total", "counter", "Connections refused.", "refused"},
};

static void link_families(FILE *out, const json_t *links)
{
    static const char *const ways[] = {"up", "down"}, *const keys[] = {"up_bytes", "down_bytes"};
    json_t *row;
    size_t i;

    for (size_t f = 0; f < sizeof by_link / sizeof by_link[0]; f++) {
        family(out, by_link[f].name, by_link[f].type, by_link[f].help);
        json_array_foreach(links, i, row)
        {
            fprintf(out, "%s{", by_link[f].name);
            label(out, "link", json_string_value(json_object_get(row, "link")));
            fprintf(out, "} %" JSON_INTEGER_FORMAT "\n",
                    json_integer_value(json_object_get(row, by_link[f].key)));
        }
    }
    family(out, "penstock_link_bytes_total", "counter", "Application bytes carried.");
    json_array_foreach(links, i, row) for (int k = 0; k < 2; k++)
    {
        fprintf(out, "penstock_link_bytes_total{");
        label(out, "link", json_string_value(json_object_get(row, "link")));
        fprintf(out, ",direction=\"%s\"} %" JSON_INTEGER_FORMAT "\n", ways[k],
                json_integer_value(json_object_get(row, keys[k])));
    }
}

static void reason_family(FILE *out, json_t *reasons)
{
    const char *reason;
    json_t *count;

    family(out, "penstock_ends_total", "counter", "Sessions that ended or were refused.");
    json_object_foreach(reasons, reason, count)
    {
        fprintf(out, "penstock_ends_total{");
        label(out, "reason", reason);
        fprintf(out, "} %" JSON_INTEGER_FORMAT "\n", json_integer_value(count));
    }
}

static void port_family(FILE *out, json_t *ports)
{
    const char *port, *what;
    json_t *counts, *n;

    if (!json_object_size(ports))
        return;
    family(out, "penstock_port_frames_total", "counter",
           "Frames of a port of the dpdk engine, and why some went no further.");
    json_object_foreach(ports, port, counts)
    {
        json_object_foreach(counts, what, n)
        {
            fprintf(out, "penstock_port_frames_total{");
            label(out, "port", port);
            fprintf(out, ",what=\"%s\"} %" JSON_INTEGER_FORMAT "\n", what, json_integer_value(n));
        }
    }
}

static void single(FILE *out, const char *name, const char *type, const char *help, double value)
{
    family(out, name, type, help);
    fprintf(out, "%s %.15g\n", name, value);
}

static void token_family(FILE *out, const struct manager *m)
{
    json_t *keys = tokens_list(m), *key;
    size_t i;

    family(out, "penstock_token_up", "gauge", "1 if the identity's key in its token can sign.");
    json_array_foreach(keys, i, key)
    {
        fprintf(out, "penstock_token_up{");
        label(out, "identity", json_string_value(json_object_get(key, "identity")));
        fprintf(out, "} %d\n", !strcmp(json_string_value(json_object_get(key, "state")), "up"));
    }
    json_decref(keys);
}

static void pair_families(FILE *out, const struct manager *m)
{
    const struct pair *p = &m->pair;

    if (!p->wanted.vrrp.on)
        return;
    single(out, "penstock_availability_active", "gauge", "1 if the pair's addresses are here.",
           p->vrrp.status.state == VRRP_ACTIVE);
    single(out, "penstock_availability_fault", "gauge",
           "1 if this gateway can not answer for the addresses.",
           p->vrrp.status.state >= VRRP_FAULT);
    single(out, "penstock_availability_changes_total", "counter", "Of this gateway's role.",
           (double)p->vrrp.status.changes);
    if (!p->wanted.partner.present)
        return;
    single(out, "penstock_availability_partner_up", "gauge", "1 if the partner answers.",
           p->reachable);
    single(out, "penstock_availability_in_sync", "gauge", "1 if both have one configuration.",
           p->reachable && p->word == JUDGE_SAME);
}

static void clock_families(FILE *out, const struct appliance *a)
{
    if (!a->clock_known)
        return;
    single(out, "penstock_clock_synchronised", "gauge", "1 if a server of the time sets the clock.",
           a->clock.synchronised);
    single(out, "penstock_clock_plausible", "gauge",
           "0 if the clock is behind the day on which the version was made.",
           clock_wall_s() >= a->clock.built_s);
    single(out, "penstock_clock_offset_seconds", "gauge", "What the kernel is still to take away.",
           (double)a->clock.offset_us / 1e6);
}

static void ship_family(FILE *out, const struct manager *m)
{
    json_t *s = ship_json(m);

    if (!s)
        return;
    single(out, "penstock_log_connected", "gauge", "1 while a collector takes log lines.",
           json_is_true(json_object_get(s, "connected")));
    single(out, "penstock_log_sent_total", "counter", "Log lines and audit rows handed over.",
           (double)json_integer_value(json_object_get(s, "sent")));
    single(out, "penstock_log_lost_total", "counter", "Log lines the collector did not take.",
           (double)json_integer_value(json_object_get(s, "lost")));
    json_decref(s);
}

static void write_all(FILE *out, const struct manager *m, const json_t *stats)
{
    uint64_t now_ms = clock_mono_ms();

    single(out, "penstock_config_revision", "gauge", "The running revision.", (double)m->revision);
    single(out, "penstock_config_age_seconds", "gauge", "Since the revision was applied.",
           (double)(now_ms - m->applied_ms) / 1000);
    single(out, "penstock_management_uptime_seconds", "gauge", "Of penstock-mgmt.",
           (double)(now_ms - m->start_ms) / 1000);
    single(out, "penstock_store_up", "gauge", "1 if changes can be written down.",
           m->store.db != NULL);
    single(out, "penstock_workers_missing", "gauge", "Workers that did not answer.",
           (double)json_integer_value(json_object_get(stats, "missing_workers")));
    family(out, "penstock_expiry_timestamp_seconds", "gauge",
           "When a certificate, an anchor or a CRL runs out.");
    for (unsigned i = 0; i < m->n_dates; i++) {
        fprintf(out, "penstock_expiry_timestamp_seconds{");
        label(out, "what", m->dates[i].text);
        fprintf(out, "} %" PRId64 "\n", m->dates[i].ends_at);
    }
    token_family(out, m);
    pair_families(out, m);
    clock_families(out, &m->appliance);
    ship_family(out, m);
    link_families(out, json_object_get(stats, "links"));
    reason_family(out, json_object_get(stats, "reasons"));
    port_family(out, json_object_get(stats, "ports"));
}

void metrics_get(struct call *c)
{
    json_t *stats = ask_stats(c->m);
    char *text = NULL;
    size_t n = 0;
    FILE *out = stats ? open_memstream(&text, &n) : NULL;

    if (out) {
        write_all(out, c->m, stats);
        if (fclose(out) == 0)
            call_text(c, text, "text/plain; version=0.0.4; charset=utf-8");
        else
            free(text);
    }
    json_decref(stats);
}
