/* command_watch: what happens, as it happens. */
#include <stdio.h>
#include <string.h>
#include "mgmt/ctl/command_parts.h"

#define LINE_MAX_BYTES 65536

/* One event is a few lines: the type, then the data. */
static void show_line(const char *line)
{
    static const char data[] = "data: ", event[] = "event: ";

    if (!strncmp(line, event, sizeof event - 1))
        printf("%-12s ", line + sizeof event - 1);
    else if (!strncmp(line, data, sizeof data - 1))
        printf("%s\n", line + sizeof data - 1);
    fflush(stdout);
}

static void show_json(const char *data, unsigned long n)
{
    fwrite(data, 1, n, stdout);
    fflush(stdout);
}

/* For people: lines, put together from whatever pieces come. */
static void show_people(const char *data, unsigned long n)
{
    static char line[LINE_MAX_BYTES];
    static size_t used;

    for (unsigned long i = 0; i < n; i++) {
        if (data[i] == '\n' || used + 1 == sizeof line) {
            line[used] = '\0';
            show_line(line);
            used = 0;
        } else {
            line[used++] = (unsigned char)data[i] < 0x20 || data[i] == 0x7f ? '?' : data[i];
        }
    }
}

int command_events(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "GET", .path = path};

    snprintf(path, sizeof path, "/api/v1/events%s%.512s", o->n_args ? "?types=" : "",
             o->n_args ? o->args[0] : "");
    q.stream = o->json ? show_json : show_people;
    return command_finish(o, c, &q);
}
