/* Tables of revisions, the audit and peers. */
#include <stdio.h>
#include <string.h>
#include "mgmt/ctl/cell.h"
#include "mgmt/ctl/table.h"

void table_revisions(const json_t *body, bool wide)
{
    json_t *row;
    size_t i;

    (void)wide;
    printf("REVISION  APPLIED               ACTOR  COMMENT\n");
    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        printf("%-8lld  ", (long long)json_integer_value(json_object_get(row, "revision")));
        cell_put_time(json_integer_value(json_object_get(row, "applied_at")));
        cell_put(cell_text(row, "actor"), 0);
        cell_put(cell_text(row, "comment"), 0);
        printf("\n");
    }
    if (json_object_get(body, "next"))
        printf("there are older ones: get \"/api/v1/config/revisions?cursor=%s\"\n",
               cell_text(body, "next"));
}

void table_audit(const json_t *body, bool wide)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        printf("%-6lld ", (long long)json_integer_value(json_object_get(row, "seq")));
        cell_put(cell_text(row, "at"), 20);
        cell_put(cell_text(row, "action"), 18);
        cell_put(cell_text(row, "result"), 8);
        cell_put(cell_text(row, "object"), 14);
        cell_put(cell_text(row, "actor"), 0);
        if (wide)
            cell_put(cell_text(row, "hash"), 0);
        printf("\n");
    }
}

void table_peers(const json_t *body, bool wide)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        cell_put(cell_text(row, "link"), 16);
        cell_put(cell_text(row, "side"), 7);
        printf("%6lld  ", (long long)json_integer_value(json_object_get(row, "sessions")));
        cell_put(cell_text(row, "peer"), 0);
        if (wide)
            cell_put(cell_text(row, "chain_sha256"), 0);
        printf("\n");
    }
}

void table_explain(const json_t *body, bool wide)
{
    const json_t *matched = json_object_get(body, "matched");
    json_t *row;
    size_t i;

    (void)wide;
    cell_put(cell_text(body, "verdict"), 0);
    if (!strcmp(cell_text(body, "verdict"), "allow")) {
        printf("by rule %lld, until ",
               (long long)json_integer_value(json_object_get(body, "rule")));
        cell_put_time(json_integer_value(json_object_get(body, "until")));
        if (matched)
            json_dumpf(matched, stdout, JSON_COMPACT);
    }
    printf("\n");
    json_array_foreach(json_object_get(body, "reasons"), i, row)
    {
        printf("  ");
        cell_put(cell_text(row, "reason"), 16);
        cell_put(cell_text(row, "text"), 0);
        printf("\n");
    }
}
