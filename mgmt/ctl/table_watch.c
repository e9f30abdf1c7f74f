/* Refused handshakes, for people. */
#include <stdio.h>
#include <string.h>
#include "mgmt/ctl/table.h"

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s && *s ? s : "-";
}

/* Names come from strangers: no control characters on a terminal. */
static void put(const char *s, int width)
{
    int n = 0;

    for (; *s && (!width || n < width); s++, n++)
        putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
    for (; n < width; n++)
        putchar(' ');
    printf("  ");
}

void table_refusals(const json_t *body, bool wide)
{
    json_int_t lost = json_integer_value(json_object_get(body, "lost"));
    json_t *row;
    size_t i;

    printf("ID      AT                        LINK          REASON              SOURCE            "
           "      PEER\n");
    json_array_foreach(json_object_get(body, "items"), i, row)
    {
        put(text(row, "id"), 6);
        put(text(row, "at"), 24);
        put(text(row, "link"), 12);
        put(text(row, "reason"), 18);
        put(text(row, "source"), 22);
        put(text(row, "peer"), 0);
        if (wide)
            put(text(row, "text"), 0);
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
        put(text(body, keys[i]), 0);
        printf("\n");
    }
    json_array_foreach(json_object_get(body, "checks"), i, check)
    {
        printf("%s ", i ? "         " : "checks   ");
        put(text(check, "reason"), 18);
        put(text(check, "text"), 0);
        printf("\n");
    }
    fputs(text(body, "chain"), stdout);
}
