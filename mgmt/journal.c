#include "mgmt/journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "mgmt/manager.h"

#define PIECE (64u * 1024)
#define TURN  16 /* pieces read in one turn of the loop: all that the pipe holds */

void journal_init(struct journal *j)
{
    *j = (struct journal){.fd = -1, .mem = malloc(JOURNAL_ROOM)};
}

void journal_fini(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    free(j->mem);
    *j = (struct journal){.fd = -1};
}

void journal_take(struct manager *m, int fd)
{
    if (m->journal.fd >= 0)
        close(m->journal.fd);
    m->journal.fd = fd;
}

/* The oldest quarter goes, up to the end of a line. */
static void make_room(struct journal *j)
{
    size_t cut = j->n / 4;
    const char *end = memchr(j->mem + cut, '\n', j->n - cut);

    cut = end ? (size_t)(end - j->mem) + 1 : j->n;
    for (size_t i = 0; i < cut; i++)
        j->first += j->mem[i] == '\n';
    j->base += cut;
    j->n -= cut;
    memmove(j->mem, j->mem + cut, j->n);
}

void journal_add(struct journal *j, const char *text, size_t n)
{
    if (!j->mem || n > JOURNAL_ROOM / 2)
        return;
    while (JOURNAL_ROOM - j->n < n)
        make_room(j);
    memcpy(j->mem + j->n, text, n);
    j->n += n;
}

void journal_run(struct journal *j)
{
    static char piece[PIECE];

    for (int i = 0; i < TURN && j->fd >= 0; i++) {
        ssize_t n = read(j->fd, piece, sizeof piece);

        if (n <= 0)
            return;
        journal_add(j, piece, (size_t)n);
    }
}

void journal_skip(const struct journal *j, struct journal_at *at)
{
    if (at->offset >= j->base)
        return;
    at->lost += j->first - at->line;
    at->offset = j->base;
    at->line = j->first;
}

const char *journal_next(const struct journal *j, struct journal_at *at, size_t *n)
{
    const char *begin, *end;

    journal_skip(j, at);
    begin = j->mem + (at->offset - j->base);
    end = memchr(begin, '\n', j->n - (size_t)(at->offset - j->base));
    if (!end)
        return NULL;
    *n = (size_t)(end - begin);
    at->offset += *n + 1;
    at->line++;
    return begin;
}

struct journal_at journal_last(const struct journal *j, size_t n)
{
    struct journal_at at = {.offset = j->base, .line = j->first};
    uint64_t from = j->n > n ? j->base + j->n - n : j->base;
    size_t line;

    while (at.offset < from && journal_next(j, &at, &line))
        ;
    return at;
}
