#include "mgmt/ctl/cell.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#define SECONDS_MAX 253402300799 /* the year 9999 */

const char *cell_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s && *s ? s : "-";
}

static void put(const char *s, int width, int most)
{
    int n = 0;

    for (; *s && n < most; s++, n++)
        putchar((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
    for (; n < width; n++)
        putchar(' ');
    printf("  ");
}

void cell_put(const char *s, int width)
{
    put(s, width, INT_MAX);
}

void cell_put_cut(const char *s, int width)
{
    put(s, width, width);
}

void cell_put_time(json_int_t at)
{
    char out[32] = "-";
    time_t t = (time_t)at;
    struct tm tm;

    if (at > 0 && at < SECONDS_MAX && gmtime_r(&t, &tm))
        strftime(out, sizeof out, "%Y-%m-%d %H:%M:%SZ", &tm);
    cell_put(out, 20);
}
