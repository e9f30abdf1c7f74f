#include "mgmt/ship/syslog.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"

#define FACILITY_LOG   16 /* local use 0 */
#define FACILITY_AUDIT 13 /* log audit */
#define NOTICE         5
#define TIME_LENGTH    24 /* "2026-11-20T22:16:33.123Z" */

static const struct {
    const char *name;
    int severity;
} levels[] = {[LOG_DEBUG] = {"debug", 7},
              [LOG_INFO] = {"info", 6},
              [LOG_WARN] = {"warn", 4},
              [LOG_ERROR] = {"error", 3}};

void syslog_host(char out[256])
{
    char name[256] = "";
    size_t n = 0;

    if (gethostname(name, sizeof name - 1))
        name[0] = '\0';
    for (const char *p = name; *p && n < 255; p++)
        if (*p > ' ' && *p <= '~')
            out[n++] = *p;
    out[n] = '\0';
    if (!n)
        memcpy(out, "-", 2);
}

/* A word of a line: it begins at *at, which goes behind it and its blank. */
struct word {
    const char *p;
    size_t n;
};

static struct word next(const char *line, size_t n, size_t *at)
{
    struct word w = {line + *at, 0};

    while (*at < n && line[*at] != ' ')
        ++*at;
    w.n = (size_t)(line + *at - w.p);
    *at += *at < n;
    return w;
}

/* What a line of ours says at its beginning. */
struct parts {
    struct word time, process, event;
    enum log_level level;
    size_t rest; /* where the message begins */
};

static bool is(const struct word *w, const char *text)
{
    return w->n == strlen(text) && !memcmp(w->p, text, w->n);
}

static bool good_time(const struct word *w)
{
    return w->n == TIME_LENGTH && w->p[10] == 'T' && w->p[19] == '.' && w->p[23] == 'Z';
}

/* A header field: printable, of at most `max`. */
static bool good_field(const struct word *w, size_t max)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->p[i] <= ' ' || w->p[i] > '~')
            return false;
    return w->n > 0 && w->n <= max;
}

static bool parse(const char *line, size_t n, struct parts *p)
{
    static const char event[] = "event=";
    struct word level;
    size_t at = 0, i;

    p->time = next(line, n, &at);
    level = next(line, n, &at);
    p->process = next(line, n, &at);
    p->event = next(line, n, &at);
    p->rest = at;
    for (i = 0; i < ARRAY_LEN(levels) && !is(&level, levels[i].name); i++)
        ;
    if (i == ARRAY_LEN(levels) || p->event.n < sizeof event ||
        memcmp(p->event.p, event, sizeof event - 1))
        return false;
    p->level = (enum log_level)i;
    p->event.p += sizeof event - 1;
    p->event.n -= sizeof event - 1;
    return good_time(&p->time) && good_field(&p->process, 128) && good_field(&p->event, 32);
}

enum log_level syslog_level(const char *line, size_t n)
{
    struct parts p;

    return parse(line, n, &p) ? p.level : LOG_INFO;
}

/* The length before a message that stands in text; cut where it is too long. */
static size_t frame(char out[SYSLOG_FRAME], char *text, size_t n)
{
    char length[16];
    size_t most = SYSLOG_FRAME - sizeof length, head;

    if (n > most) {
        n = most;
        memcpy(text + n - 3, "...", 3);
    }
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
    head = (size_t)snprintf(length, sizeof length, "%zu ", n);
    memcpy(out, length, head);
    memcpy(out + head, text, n);
    return head + n;
}

#define TEXT_ROOM (SYSLOG_FRAME + 1024)

size_t syslog_line(char out[SYSLOG_FRAME], const char *host, const char *line, size_t n)
{
    char text[TEXT_ROOM];
    struct parts p;
    int used, most = n < SYSLOG_FRAME ? (int)n : SYSLOG_FRAME;

    if (!parse(line, n, &p))
        used = snprintf(text, sizeof text, "<%d>1 - %s penstock - - - %.*s", FACILITY_LOG * 8 + 6,
                        host, most, line);
    else
        used = snprintf(text, sizeof text, "<%d>1 %.*s %s penstock %.*s %.*s - %.*s",
                        FACILITY_LOG * 8 + levels[p.level].severity, (int)p.time.n, p.time.p, host,
                        (int)p.process.n, p.process.p, (int)p.event.n, p.event.p,
                        most - (int)p.rest, line + p.rest);
    return frame(out, text, (size_t)used < sizeof text ? (size_t)used : sizeof text - 1);
}

static void time_of(int64_t s, char out[32])
{
    time_t t = (time_t)s;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
        memcpy(out, "-", 2);
}

size_t syslog_audit(char out[SYSLOG_FRAME], const char *host, const json_t *row)
{
    const char *at = json_string_value(json_object_get(row, "at")); /* as RFC 3339 has it */
    char text[TEXT_ROOM];
    char *body = json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
    int used;

    used = snprintf(text, sizeof text, "<%d>1 %s %s penstock mgmt audit - %.*s",
                    FACILITY_AUDIT * 8 + NOTICE, at ? at : "-", host, SYSLOG_FRAME,
                    body ? body : "{}");
    free(body);
    return frame(out, text, (size_t)used < sizeof text ? (size_t)used : sizeof text - 1);
}

size_t syslog_lost(char out[SYSLOG_FRAME], const char *host, unsigned long long lines)
{
    char text[TEXT_ROOM], when[32];
    int used;

    time_of(clock_wall_s(), when);
    used = snprintf(text, sizeof text,
                    "<%d>1 %s %s penstock mgmt log_lines_lost - lines=%llu "
                    "why=\"the collector did not take them in time\"",
                    FACILITY_LOG * 8 + levels[LOG_WARN].severity, when, host, lines);
    return frame(out, text, (size_t)used);
}
