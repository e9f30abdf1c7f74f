#include "appliance-image/src/checkup.h"

#include <stdlib.h>
#include <string.h>

#include "appliance-image/src/words.h"
#include "dataplane/base/log.h"

#define TEXT_MAX (64 * 1024)

/* ---- its words ---- */

static void take_word(char *out, const char *value)
{
    size_t n = 0;

    for (; value[n] && n + 1 < SYSTEM_WORD; n++)
        out[n] = value[n] > ' ' && value[n] <= '~' ? value[n] : '?';
    out[n] = '\0';
}

static void take_line(struct system_unit *u, const char *name, const char *value)
{
    if (!strcmp(name, "ActiveState"))
        take_word(u->active, value);
    else if (!strcmp(name, "SubState"))
        take_word(u->sub, value);
    else if (!strcmp(name, "Result"))
        take_word(u->result, value);
    else if (!strcmp(name, "NRestarts"))
        u->restarts = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(name, "MemoryCurrent") && value[0] != '[')
        u->memory = strtoull(value, NULL, 10);
}

/* Its name is the first of its lines. */
static struct system_unit *next_unit(struct system_checkup *out, const char *name)
{
    struct system_unit *u = &out->units[out->n_units];

    if (out->n_units == SYSTEM_UNITS || strlen(name) >= sizeof u->name)
        return NULL;
    memset(u, 0, sizeof *u);
    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at > '~')
            return NULL;
    memcpy(u->name, name, strlen(name) + 1);
    out->n_units++;
    return u;
}

void checkup_read(char *text, struct system_checkup *out)
{
    struct system_unit *unit = NULL;
    char *rest = NULL;

    out->n_units = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '=');

        if (!value)
            continue;
        *value++ = '\0';
        if (!strcmp(line, "Id"))
            unit = next_unit(out, value);
        else if (unit)
            take_line(unit, line, value);
    }
}

/* ---- asking ---- */

void checkup_units(const char *manager, struct system_checkup *out)
{
    static char text[TEXT_MAX];
    const char *const words[] = {
        manager,      "show",
        "--no-pager", "--property=Id,ActiveState,SubState,Result,NRestarts,MemoryCurrent",
        "*.service",  "*.mount",
        NULL};
    int rc = words_of(words, text, sizeof text, false);

    out->n_units = 0;
    if (rc >= 0)
        checkup_read(text, out);
    else
        log_event(LOG_WARN, "units_not_told", "by=\"%.200s\" error=\"%s\"", manager, strerror(-rc));
}

/* A first line that is not whole goes, and what is no ASCII. */
static size_t clean(char *text, size_t n, bool whole)
{
    char *first = whole ? text : memchr(text, '\n', n);
    size_t left;

    if (!first)
        return 0;
    first += whole ? 0 : 1;
    left = n - (size_t)(first - text);
    memmove(text, first, left);
    for (size_t i = 0; i < left; i++)
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
            text[i] = '?';
    return left;
}

int checkup_journal(const char *journal, char *text, size_t cap)
{
    const char *const words[] = {
        journal, "--boot", "--no-pager", "--quiet", "--output=short-iso", "--lines=500", NULL};
    static char all[2 * SYSTEM_DATA_MAX];
    int rc = words_of(words, all, sizeof all, true);
    size_t n, from;

    if (rc < 0) {
        log_event(LOG_WARN, "journal_not_told", "by=\"%.200s\" error=\"%s\"", journal,
                  strerror(-rc));
        return rc;
    }
    from = (size_t)rc > cap ? (size_t)rc - cap : 0;
    n = (size_t)rc - from;
    memcpy(text, all + from, n);
    return (int)clean(text, n, !from);
}
