/*
 * words: what another program of the machine says, to its end and within a time.
 *
 * Why: the service manager and the journal are asked by their own programs, which know their forms.
 * Owner: main; single-threaded. Never: a shell; an environment; words of a caller's.
 */
#ifndef PENSTOCK_IMAGE_WORDS_H
#define PENSTOCK_IMAGE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORDS_WAIT_MS 10000

/*
 * Runs argv[0] with argv, NULL-terminated, and reads what it writes; text is terminated. last: of
 * more than fits the last is kept, and at least half of cap; otherwise that is a failure. Returns
 * its length, or -E2BIG, -ETIMEDOUT, -ECHILD (it did not end with 0) or another -errno.
 */
int words_of(const char *const argv[], char *text, size_t cap, bool last);

#endif
