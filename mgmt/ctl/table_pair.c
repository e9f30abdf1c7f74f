/* The pair that a gateway is one of. */
#include <stdio.h>
#include "mgmt/ctl/cell.h"
#include "mgmt/ctl/table.h"

static void put_row(const char *name, const json_t *body, const char *key)
{
    const char *why = cell_text(body, "why");

    cell_put(name, 14);
    cell_put(cell_text(body, key), 10);
    cell_put("since", 0);
    cell_put_time(json_integer_value(json_object_get(body, "since")));
    cell_put(why, 0);
    printf("\n");
}

void table_pair(const json_t *body, bool wide)
{
    const json_t *partner = json_object_get(body, "partner");

    put_row("this gateway", body, "role");
    put_row("configuration", json_object_get(body, "configuration"), "word");
    if (!json_is_object(partner))
        return;
    put_row(json_is_true(json_object_get(partner, "reachable")) ? "partner" : "partner, away",
            partner, "role");
    if (wide)
        printf("ours %s\ntheirs %s\n", cell_text(body, "state"), cell_text(partner, "state"));
}
