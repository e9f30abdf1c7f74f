/*
 * cell: one value of a table, as a terminal may show it.
 *
 * Why: names and reasons come from certificates and strangers; whatever is printed passes here, so
 * that no control character reaches a terminal. Owner: pure printing to stdout.
 */
#ifndef PENSTOCK_MGMT_CTL_CELL_H
#define PENSTOCK_MGMT_CTL_CELL_H

#include <jansson.h>

/* The string at `key`, "-" where there is none or an empty one. Lives as long as `o`. */
const char *cell_text(const json_t *o, const char *key);

/* Print `s`, filled up to `width` columns, and two blanks; what is longer is printed whole. */
void cell_put(const char *s, int width);

/* The same, cut at `width`. */
void cell_put_cut(const char *s, int width);

/* Seconds since 1970 as "2026-11-29 01:00:00Z", "-" for 0 and what no calendar holds. */
void cell_put_time(json_int_t at);

#endif
