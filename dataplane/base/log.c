#include "dataplane/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/logtap.h"

#define LINE_MAX_BYTES 4096 /* a line and its newline; also what a pipe takes in one piece */

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

static enum log_level log_least = LOG_INFO;
static char log_process[32] = "penstock";
static int log_tap = -1; /* logtap.h */
static atomic_uint log_lost;

void log_init(const char *process, enum log_level least)
{
    snprintf(log_process, sizeof(log_process), "%s", process);
    log_least = least;
    if (getenv(LOGTAP_VARIABLE) && log_tap < 0)
        log_tap = atoi(getenv(LOGTAP_VARIABLE));
    tzset(); /* gmtime_r() would read the time zone's file later, when no file may be opened */
}

void logtap_set(int fd)
{
    log_tap = fd;
}

/* Time, level, process and event. Returns the bytes written, or n if they do not fit. */
static size_t put_head(char *out, size_t n, enum log_level level, const char *event)
{
    struct timespec ts = {0};
    struct tm tm = {0};
    size_t used;
    int more;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    used = strftime(out, n, "%Y-%m-%dT%H:%M:%S", &tm);
    more = snprintf(out + used, n - used, ".%03ldZ %s %s event=%s", ts.tv_nsec / 1000000,
                    level_names[level], log_process, event);
    if (more < 0)
        return used;
    return used + (size_t)more < n ? used + (size_t)more : n;
}

/* A control byte that slipped into a value must neither end the line nor steer a terminal. */
static void mask_controls(char *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
}

static void write_line(const char *line, size_t n)
{
    ssize_t rc;

    do {
        rc = write(STDERR_FILENO, line, n);
    } while (rc < 0 && errno == EINTR);
    /* Nobody is left to tell when stderr itself fails. */
}

/* Beside stderr, or counted. A pipe takes a line whole or not at all. */
static void tap_line(const char *line, size_t n)
{
    unsigned lost = log_tap < 0 ? 0 : atomic_exchange(&log_lost, 0);
    char said[160];
    size_t used;

    if (log_tap < 0)
        return;
    if (lost) {
        used = put_head(said, sizeof(said) - 32, LOG_WARN, "log_lines_lost");
        used += (size_t)snprintf(said + used, sizeof(said) - used, " lines=%u\n", lost);
        if (write(log_tap, said, used) < 0) {
            atomic_fetch_add(&log_lost, lost + 1);
            return;
        }
    }
    if (write(log_tap, line, n) < 0)
        atomic_fetch_add(&log_lost, 1);
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES + 1]; /* vsnprintf() ends with a NUL where the newline will stand */
    int kept_errno = errno;
    size_t used;
    va_list ap;
    int more = 0;

    if (level < log_least || level >= ARRAY_LEN(level_names))
        return;
    used = put_head(line, LINE_MAX_BYTES, level, event);
    if (fmt[0] && used < LINE_MAX_BYTES - 1) {
        line[used++] = ' ';
        va_start(ap, fmt);
        more = vsnprintf(line + used, LINE_MAX_BYTES - used, fmt, ap);
        va_end(ap);
    }
    if (more > 0)
        used += (size_t)more;
    else if (line[used - 1] == ' ')
        used--; /* no text after all */
    if (used >= LINE_MAX_BYTES) {
        used = LINE_MAX_BYTES - 1;
        memcpy(line + used - 3, "...", 3);
    }
    mask_controls(line, used);
    line[used++] = '\n';
    write_line(line, used);
    tap_line(line, used);
    errno = kept_errno;
}

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '"' && c != '=' && c != '\\';
}

/* One byte as it stands inside quotes; returns its length, at most 4. */
static size_t quote_byte(char out[5], unsigned char c)
{
    if (c == '"' || c == '\\')
        return (size_t)snprintf(out, 5, "\\%c", c);
    if (c < 0x20 || c > 0x7e)
        return (size_t)snprintf(out, 5, "\\x%02x", c);
    out[0] = (char)c;
    return 1;
}

const char *log_quote(char *out, size_t n, const void *text, size_t n_text)
{
    const unsigned char *p = text;
    bool plain = n_text > 0;
    size_t used = 0;
    char one[5];

    if (!n)
        return out;
    for (size_t i = 0; i < n_text && plain; i++)
        plain = is_plain(p[i]);
    if (!plain && n >= 3)
        out[used++] = '"';
    for (size_t i = 0; i < n_text; i++) {
        size_t len = quote_byte(one, p[i]);

        /* Room is kept for the closing quote and the terminator; an escape is never split. */
        if (used + len + (plain ? 1 : 2) > n)
            break;
        memcpy(out + used, one, len);
        used += len;
    }
    if (!plain && n >= 3)
        out[used++] = '"';
    out[used] = '\0';
    return out;
}
