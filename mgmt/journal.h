/*
 * journal: the last log lines of all processes, in memory.
 *
 * Why: a support bundle wants the last, and shipping (ship/) each. They come through a pipe that
 * the launcher keeps, so that a restart of this process loses only what it held. Owner: the
 * manager. The oldest lines go when there is no room; whoever reads is told how many he missed.
 * Never: grows; wakes the loop (it is read when the loop turns anyway).
 */
#ifndef PENSTOCK_MGMT_JOURNAL_H
#define PENSTOCK_MGMT_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#define JOURNAL_ROOM (512u * 1024)

struct manager;

struct journal {
    int fd; /* -1: none */
    char *mem;
    size_t n;
    uint64_t base, first; /* offset of mem[0] since the beginning; number of the line there */
};

/* Where a reader is. */
struct journal_at {
    uint64_t offset, line;
    uint64_t lost; /* lines that went before it came to them; the reader's to take */
};

void journal_init(struct journal *j);
void journal_fini(struct journal *j);
/* The pipe (taken). */
void journal_take(struct manager *m, int fd);
/* Read what waits. */
void journal_run(struct journal *j);
/* Lines, as if they had come (tests; journal_run()). */
void journal_add(struct journal *j, const char *text, size_t n);
/* Past what is gone, which is counted in at->lost. */
void journal_skip(const struct journal *j, struct journal_at *at);
/* The next line (borrowed until more come), without its end; NULL: there is none yet. */
const char *journal_next(const struct journal *j, struct journal_at *at, size_t *n);
/* A place behind which about n bytes stand. */
struct journal_at journal_last(const struct journal *j, size_t n);

#endif
