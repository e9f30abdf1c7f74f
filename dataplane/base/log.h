/*
 * log: key=value lines on stderr.
 *
 * Why: one line per event that a person and a machine can both read:
 *   2026-11-20T22:16:33.123Z info dataplane event=session_closed link=payments-in ...
 * Each line is one write(2), so lines of several processes never mix.
 * Owner: any thread. The level and the process name are the only globals (set once at start).
 * Never: prints a secret. Untrusted text goes through log_quote() first.
 */
#ifndef PENSTOCK_BASE_LOG_H
#define PENSTOCK_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Name this process ("dataplane", "handshake.0") and set the least level that is printed. */
void log_init(const char *process, enum log_level least);

/*
 * Print one line: time, level, process, "event=EVENT", then the formatted key=value text. At most
 * 4096 bytes with the newline; a longer line is cut and ends with "...". Control bytes become '?'.
 * errno is kept.
 */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Make text safe as a value: printable ASCII without space, '"', '=' or '\\' is copied as it is,
 * anything else makes the whole value quoted, with \xNN for bytes outside 0x20..0x7e and \" \\ .
 * text may hold n_text arbitrary bytes. Writes at most n bytes to out, terminated; returns out.
 */
const char *log_quote(char *out, size_t n, const void *text, size_t n_text);

#endif
