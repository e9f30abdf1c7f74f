/* What differs, what a change would do, and what it did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/ctl/cell.h"
#include "mgmt/ctl/table.h"

#define VALUE_MAX 160

/* A value in one line, cut where it is long. */
static void put_value(const char *mark, const json_t *value)
{
    char *line = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

    if (line)
        printf("    %s %.*s%s\n", mark, VALUE_MAX, line, strlen(line) > VALUE_MAX ? "..." : "");
    free(line);
}

static void changes(const json_t *list)
{
    json_t *row;
    size_t i;

    if (!json_array_size(list))
        printf("nothing differs\n");
    json_array_foreach(list, i, row)
    {
        printf("  %s\n", cell_text(row, "path"));
        put_value("-", json_object_get(row, "from"));
        put_value("+", json_object_get(row, "to"));
    }
}

static void cut_peers(const json_t *peers)
{
    json_t *p;
    size_t i;

    json_array_foreach(peers, i, p)
    {
        printf("  %-16s %-7s %lld  ", cell_text(p, "link"), cell_text(p, "side"),
               (long long)json_integer_value(json_object_get(p, "sessions")));
        for (const char *s = cell_text(p, "text"); *s; s++)
            putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
        printf("\n");
    }
}

static void cut_links(const json_t *links)
{
    json_t *l;
    size_t i;

    json_array_foreach(links, i, l)
    {
        printf("  %-16s %-7s %lld  %s\n", cell_text(l, "link"), "all",
               (long long)json_integer_value(json_object_get(l, "sessions")),
               cell_text(l, "reason"));
    }
}

static void trial(const json_t *body)
{
    const json_t *cuts = json_object_get(body, "cuts");
    long long n = json_integer_value(json_object_get(cuts, "sessions"));
    json_t *w;
    size_t i;

    printf("it would change\n");
    changes(json_object_get(body, "changes"));
    json_array_foreach(json_object_get(body, "warnings"), i, w)
        printf("warning: %s\n", json_string_value(w));
    printf("it would end %lld session%s%s\n", n, n == 1 ? "" : "s",
           json_is_false(json_object_get(cuts, "complete")) ? " at least: not all could be judged"
                                                            : "");
    cut_links(json_object_get(cuts, "links"));
    cut_peers(json_object_get(cuts, "peers"));
}

void table_change(const json_t *body, bool wide)
{
    (void)wide;
    if (json_is_true(json_object_get(body, "dry_run"))) {
        trial(body);
        return;
    }
    json_dumpf(body, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
    printf("\n");
}

void table_restore(const json_t *body, bool wide)
{
    const json_t *from = json_object_get(body, "backup");

    (void)wide;
    printf("a backup of revision %lld, made ",
           (long long)json_integer_value(json_object_get(from, "revision")));
    cell_put_time(json_integer_value(json_object_get(from, "made_at")));
    printf(" with %lld keys\n", (long long)json_integer_value(json_object_get(body, "keys")));
    if (json_is_true(json_object_get(body, "dry_run")))
        trial(body);
    else
        printf("it runs as revision %lld\n",
               (long long)json_integer_value(json_object_get(body, "revision")));
}

void table_diff(const json_t *body, bool wide)
{
    (void)wide;
    changes(json_object_get(body, "changes"));
}

void table_names(const json_t *body, bool wide)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        printf("%s%s%s\n", cell_text(row, "name"), wide ? "  " : "",
               wide ? cell_text(row, "etag") : "");
    }
    if (json_object_get(body, "next"))
        printf("there are more behind %s\n", cell_text(body, "next"));
}
