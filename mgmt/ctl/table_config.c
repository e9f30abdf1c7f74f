/* Tables of revisions, the audit and peers. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "mgmt/ctl/table.h"

#define SECONDS_MAX 253402300799 /* the year 9999 */

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s && *s ? s : "-";
}

/* Names come from certificates: no control characters on a terminal. */
static void put(const char *s, int width)
{
    int n = 0;

    for (; *s; s++, n++)
        putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
    for (; n < width; n++)
        putchar(' ');
    printf("  ");
}

static void put_time(json_int_t at)
{
    char out[32] = "-";
    time_t t = (time_t)at;
    struct tm tm;

    if (at > 0 && at < SECONDS_MAX && gmtime_r(&t, &tm))
        strftime(out, sizeof out, "%Y-%m-%d %H:%M:%SZ", &tm);
    put(out, 20);
}

void table_revisions(const json_t *body, bool wide)
{
    json_t *row;
    size_t i;

    (void)wide;
    printf("REVISION  APPLIED               ACTOR  COMMENT\n");
    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        printf("%-8lld  ", (long long)json_integer_value(json_object_get(row, "revision")));
        put_time(json_integer_value(json_object_get(row, "applied_at")));
        put(text(row, "actor"), 0);
        put(text(row, "comment"), 0);
        printf("\n");
    }
    if (json_object_get(body, "next"))
        printf("there are older ones: get \"/api/v1/config/revisions?cursor=%s\"\n",
               text(body, "next"));
}

void table_audit(const json_t *body, bool wide)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        printf("%-6lld ", (long long)json_integer_value(json_object_get(row, "seq")));
        put(text(row, "at"), 20);
        put(text(row, "action"), 18);
        put(text(row, "result"), 8);
        put(text(row, "object"), 14);
        put(text(row, "actor"), 0);
        if (wide)
            put(text(row, "hash"), 0);
        printf("\n");
    }
}

void table_peers(const json_t *body, bool wide)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        put(text(row, "link"), 16);
        put(text(row, "side"), 7);
        printf("%6lld  ", (long long)json_integer_value(json_object_get(row, "sessions")));
        put(text(row, "peer"), 0);
        if (wide)
            put(text(row, "chain_sha256"), 0);
        printf("\n");
    }
}

void table_explain(const json_t *body, bool wide)
{
    const json_t *matched = json_object_get(body, "matched");
    json_t *row;
    size_t i;

    (void)wide;
    put(text(body, "verdict"), 0);
    if (!strcmp(text(body, "verdict"), "allow")) {
        printf("by rule %lld, until ",
               (long long)json_integer_value(json_object_get(body, "rule")));
        put_time(json_integer_value(json_object_get(body, "until")));
        if (matched)
            json_dumpf(matched, stdout, JSON_COMPACT);
    }
    printf("\n");
    json_array_foreach(json_object_get(body, "reasons"), i, row)
    {
        printf("  ");
        put(text(row, "reason"), 16);
        put(text(row, "text"), 0);
        printf("\n");
    }
}
