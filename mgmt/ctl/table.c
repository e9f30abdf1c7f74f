#include "mgmt/ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/ctl/cell.h"

#define COLUMNS_MAX 12
#define CELL_MAX    160

/* Rows are collected first, so that columns are as wide as their widest cell. */
struct table {
    unsigned columns, rows;
    unsigned width[COLUMNS_MAX];
    char (*cells)[COLUMNS_MAX][CELL_MAX];
};

/* 1536 -> "1.5 KB" */
static const char *bytes(double n, char out[32])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    unsigned u = 0;

    while (n >= 1000 && u < 5) {
        n /= 1000;
        u++;
    }
    snprintf(out, 32, "%.*f %s", u ? 1 : 0, n, units[u]);
    return out;
}

static const char *duration(double s, char out[32])
{
    if (s < 60)
        snprintf(out, 32, "%.1fs", s);
    else if (s < 3600)
        snprintf(out, 32, "%.0fm%02.0fs", (double)(long)(s / 60), (double)((long)s % 60));
    else
        snprintf(out, 32, "%ldh%02ldm", (long)s / 3600, (long)s % 3600 / 60);
    return out;
}

static void row(struct table *t, const char *const *cells)
{
    for (unsigned i = 0; i < t->columns; i++) {
        unsigned n;
        snprintf(t->cells[t->rows][i], CELL_MAX, "%s", cells[i]);
        for (char *c = t->cells[t->rows][i]; *c; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                *c = '?'; /* names come from certificates: no control characters on a terminal */
        n = (unsigned)strlen(t->cells[t->rows][i]);
        if (n > t->width[i])
            t->width[i] = n;
    }
    t->rows++;
}

static void print(const struct table *t)
{
    for (unsigned r = 0; r < t->rows; r++) {
        for (unsigned i = 0; i < t->columns; i++)
            printf("%-*s%s", i + 1 < t->columns ? (int)t->width[i] : 0, t->cells[r][i],
                   i + 1 < t->columns ? "  " : "\n");
    }
}

/* Both directions of both legs: "outer soft/soft inner plain" in short. */
static void engines(const json_t *s, char out[CELL_MAX])
{
    const json_t *o = json_object_get(s, "outer"), *i = json_object_get(s, "inner");

    snprintf(out, CELL_MAX, "%s/%s > %s/%s", cell_text(o, "engine_rx"), cell_text(o, "engine_tx"),
             cell_text(i, "engine_rx"), cell_text(i, "engine_tx"));
}

static void session_row(struct table *t, const json_t *s, bool wide)
{
    const json_t *o = json_object_get(s, "outer"), *i = json_object_get(s, "inner");
    const json_t *tls = json_object_get(o, "version") ? o : i;
    char up[32], down[32], age[32], engine[CELL_MAX];
    const char *why = strcmp(cell_text(o, "why"), "-") ? cell_text(o, "why") : cell_text(i, "why");

    engines(s, engine);
    const char *cells[] = {
        cell_text(s, "link"),
        cell_text(tls, "peer"),
        cell_text(tls, "version"),
        cell_text(tls, "suite"),
        cell_text(tls, "group"),
        engine,
        bytes((double)json_integer_value(json_object_get(s, "up_bytes")), up),
        bytes((double)json_integer_value(json_object_get(s, "down_bytes")), down),
        duration(json_number_value(json_object_get(s, "age_s")), age),
        wide ? cell_text(s, "id") : "",
        wide ? cell_text(o, "address") : "",
        wide ? why : ""};
    row(t, cells);
}

/* What is shown may not be all. */
static void missing(const json_t *body)
{
    json_int_t n = json_integer_value(json_object_get(body, "missing_workers"));

    if (n)
        printf("%lld worker%s did not answer in time: more may be there\n", (long long)n,
               n == 1 ? "" : "s");
}

void table_sessions(const json_t *body, bool wide)
{
    static const char *const head[] = {"LINK", "PEER", "TLS", "SUITE",   "GROUP",  "ENGINE rx/tx",
                                       "UP",   "DOWN", "AGE", "SESSION", "SOURCE", "WHY NOT KTLS"};
    const json_t *list = json_object_get(body, "sessions");
    size_t n = json_array_size(list), i;
    struct table t = {.columns = wide ? 12 : 9};
    json_t *s;

    t.cells = calloc(n + 1, sizeof *t.cells);
    if (!t.cells)
        return;
    row(&t, head);
    json_array_foreach(list, i, s) session_row(&t, s, wide);
    print(&t);
    missing(body);
    printf("%zu session%s\n", n, n == 1 ? "" : "s");
    free(t.cells);
}

static void links(const json_t *list)
{
    static const char *const head[] = {"LINK",  "LIVE",    "SHAKING", "ACCEPTED",
                                       "KEYED", "REFUSED", "UP",      "DOWN"};
    struct table t = {.columns = 8};
    json_t *l;
    size_t i;

    t.cells = calloc(json_array_size(list) + 1, sizeof *t.cells);
    if (!t.cells)
        return;
    row(&t, head);
    json_array_foreach(list, i, l)
    {
        char n[5][24], up[32], down[32];
        static const char *const keys[] = {"live", "shaking", "accepted", "keyed", "refused"};
        for (unsigned k = 0; k < 5; k++)
            snprintf(n[k], sizeof n[k], "%lld",
                     (long long)json_integer_value(json_object_get(l, keys[k])));
        const char *cells[] = {
            cell_text(l, "link"),
            n[0],
            n[1],
            n[2],
            n[3],
            n[4],
            bytes((double)json_integer_value(json_object_get(l, "up_bytes")), up),
            bytes((double)json_integer_value(json_object_get(l, "down_bytes")), down)};
        row(&t, cells);
    }
    print(&t);
    free(t.cells);
}

void table_status(const json_t *body, bool wide)
{
    char up[32], since[32];
    json_t *w;
    size_t i;

    (void)wide;
    printf("revision %lld of %s, running for %s, applied %s ago\n",
           (long long)json_integer_value(json_object_get(body, "revision")),
           cell_text(body, "configuration"),
           duration(json_number_value(json_object_get(body, "uptime_s")), up),
           duration(json_number_value(json_object_get(body, "applied_s")), since));
    json_array_foreach(json_object_get(body, "warnings"), i, w)
        printf("warning: %s\n", json_string_value(w));
    missing(body);
    links(json_object_get(body, "links"));
}

void table_stats(const json_t *body, bool wide)
{
    const char *key;
    json_t *v;

    (void)wide;
    links(json_object_get(body, "links"));
    printf("\nends and refusals by reason\n");
    json_object_foreach((json_t *)json_object_get(body, "reasons"), key, v)
        printf("%12lld  %s\n", (long long)json_integer_value(v), key);
}
