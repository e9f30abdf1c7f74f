/* Refused handshakes, for people. */
#include <stdio.h>
#include <string.h>
#include "mgmt/ctl/cell.h"
#include "mgmt/ctl/table.h"

void table_refusals(const json_t *body, bool wide)
{
    json_int_t lost = json_integer_value(json_object_get(body, "lost"));
    json_t *row;
    size_t i;

    printf("ID      AT                        LINK          REASON              SOURCE            "
           "      PEER\n");
    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        cell_put_cut(cell_text(row, "id"), 6);
        cell_put_cut(cell_text(row, "at"), 24);
        cell_put_cut(cell_text(row, "link"), 12);
        cell_put_cut(cell_text(row, "reason"), 18);
        cell_put_cut(cell_text(row, "source"), 22);
        cell_put(cell_text(row, "peer"), 0);
        if (wide)
            cell_put(cell_text(row, "text"), 0);
        printf("\n");
    }
    if (lost)
        printf("%lld more were not kept\n", (long long)lost);
}

void table_refusal(const json_t *body, bool wide)
{
    static const char *const keys[] = {"at",   "link",   "side", "source", "target",
                                       "peer", "reason", "text", "session"};
    json_t *check;
    size_t i;

    (void)wide;
    for (i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        printf("%-8s ", keys[i]);
        cell_put(cell_text(body, keys[i]), 0);
        printf("\n");
    }
    json_array_foreach(json_object_get(body, "checks"), i, check)
    {
        printf("%s ", i ? "         " : "checks   ");
        cell_put_cut(cell_text(check, "reason"), 18);
        cell_put(cell_text(check, "text"), 0);
        printf("\n");
    }
    fputs(cell_text(body, "chain"), stdout);
}
