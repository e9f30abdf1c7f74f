/* What is in use: certificates, lists, keys, protocols; and when what is fetched or renewed. */
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

static void certificates(const char *what, const char *name, const json_t *list, bool wide)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        put(what, 8);
        put(name, 20);
        put(text(row, "not_after"), 20);
        printf("%s-%lld  ", text(row, "key"),
               (long long)json_integer_value(json_object_get(row, "key_bits")));
        put(text(row, "signature"), 18);
        put(text(row, "subject"), 0);
        if (wide)
            put(text(row, "sha256"), 0);
        printf("\n");
    }
}

static void lists(const char *name, const json_t *list)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        put("crl", 8);
        put(name, 20);
        put(text(row, "next_update"), 20);
        printf("%lld revoked  ", (long long)json_integer_value(json_object_get(row, "entries")));
        put(text(row, "issuer"), 0);
        printf("\n");
    }
}

static void words(const char *what, const json_t *list)
{
    json_t *word;
    size_t i;

    printf("    %-10s", what);
    json_array_foreach(list, i, word) printf(" %s", json_string_value(word));
    printf("\n");
}

static void profiles(json_t *table)
{
    const char *name;
    json_t *p;

    json_object_foreach(table, name, p)
    {
        printf("profile %s\n", name);
        words("versions", json_object_get(p, "versions"));
        words("suites", json_object_get(p, "suites"));
        words("groups", json_object_get(p, "groups"));
        words("signatures", json_object_get(p, "signature_algorithms"));
        words("used by", json_object_get(p, "used_by"));
    }
}

static void live(json_t *table)
{
    const char *kind, *value;
    json_t *of, *n;

    json_object_foreach(table, kind, of) json_object_foreach(of, value, n)
        printf("live     %-12s %lld  %s\n", kind, (long long)json_integer_value(n), value);
}

void table_inventory(const json_t *body, bool wide)
{
    const char *name;
    json_t *one, *key;
    size_t i;

    printf("WHAT      WHOSE                 ENDS                  KEY     SIGNATURE  NAME\n");
    json_object_foreach(json_object_get(body, "identities"), name, one)
        certificates("identity", name, json_object_get(one, "chain"), wide);
    json_object_foreach(json_object_get(body, "trust"), name, one)
    {
        certificates("anchor", name, json_object_get(one, "anchors"), wide);
        lists(name, json_object_get(one, "crls"));
    }
    json_array_foreach(json_object_get(body, "keys"), i, key)
    {
        put("key", 8);
        put(text(key, "kind"), 20);
        put(text(key, "id"), 0);
        printf("\n");
    }
    profiles(json_object_get(body, "profiles"));
    live(json_object_get(body, "live"));
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

static void scheduled(const json_t *list, const char *whose, const char *ends)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        put(text(row, whose), 16);
        put_time(json_integer_value(json_object_get(row, ends)));
        put_time(json_integer_value(json_object_get(row, "next_at")));
        printf("%8lld  ", (long long)json_integer_value(json_object_get(row, "failures")));
        put(text(row, "url"), 0);
        put(text(row, "result"), 0);
        printf("\n");
    }
}

void table_schedule(const json_t *body, bool wide)
{
    (void)wide;
    printf("WHOSE             ENDS                  NEXT TRY              FAILURES  URL, RESULT\n");
    scheduled(json_object_get(body, "crls"), "trust", "next_update");
    scheduled(json_object_get(body, "renewals"), "identity", "not_after");
}
