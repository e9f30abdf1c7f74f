/*
 * plain: JSON as lines that any terminal can show and a file of its output can keep.
 *
 * Why: a support bundle comes as one long line, and holds what strangers wrote (names in
 * certificates). On the terminal it is lines of printable ASCII and still the same JSON: it is
 * broken between tokens only, and a character beyond ASCII becomes its \u form. Owner: the caller.
 * Never: gives a control character but line feeds.
 */
#ifndef PENSTOCK_IMAGE_PLAIN_H
#define PENSTOCK_IMAGE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#define PLAIN_LINE  100 /* bytes after which the next comma or bracket ends a line */
#define PLAIN_CHUNK 512

struct plain {
    const char *from; /* the JSON, n bytes */
    size_t n, at;
    size_t line; /* bytes of the present one */
    bool quoted, escaped;
};

/* The next bytes of the lines, not terminated; 0: that was all. What is no UTF-8 is U+FFFD. */
size_t plain_next(struct plain *p, char to[PLAIN_CHUNK]);

#endif
