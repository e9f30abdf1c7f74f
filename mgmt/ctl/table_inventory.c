/* What is in use: certificates, lists, keys, protocols; and when what is fetched or renewed. */
#include <stdio.h>
#include "mgmt/ctl/cell.h"
#include "mgmt/ctl/table.h"

static void certificates(const char *what, const char *name, const json_t *list, bool wide)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        cell_put(what, 8);
        cell_put(name, 20);
        cell_put(cell_text(row, "not_after"), 20);
        printf("%s-%lld  ", cell_text(row, "key"),
               (long long)json_integer_value(json_object_get(row, "key_bits")));
        cell_put(cell_text(row, "signature"), 18);
        cell_put(cell_text(row, "subject"), 0);
        if (wide)
            cell_put(cell_text(row, "sha256"), 0);
        printf("\n");
    }
}

static void lists(const char *name, const json_t *list)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        cell_put("crl", 8);
        cell_put(name, 20);
        cell_put(cell_text(row, "next_update"), 20);
        printf("%lld revoked  ", (long long)json_integer_value(json_object_get(row, "entries")));
        cell_put(cell_text(row, "issuer"), 0);
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
        cell_put("key", 8);
        cell_put(cell_text(key, "kind"), 20);
        cell_put(cell_text(key, "id"), 0);
        printf("\n");
    }
    profiles(json_object_get(body, "profiles"));
    live(json_object_get(body, "live"));
}

static void scheduled(const json_t *list, const char *whose, const char *ends)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        cell_put(cell_text(row, whose), 16);
        cell_put_time(json_integer_value(json_object_get(row, ends)));
        cell_put_time(json_integer_value(json_object_get(row, "next_at")));
        printf("%8lld  ", (long long)json_integer_value(json_object_get(row, "failures")));
        cell_put(cell_text(row, "url"), 0);
        cell_put(cell_text(row, "result"), 0);
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
