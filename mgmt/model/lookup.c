#include "mgmt/model/lookup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct lookup_row *)a)->name, ((const struct lookup_row *)b)->name);
}

int lookup_init(struct lookup *l, const void *table, unsigned n, size_t size)
{
    struct lookup_row *rows = calloc(n + 1u, sizeof *rows);

    if (!rows)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        memcpy(&rows[i].name, (const char *)table + i * size, sizeof rows[i].name);
        rows[i].index = i;
    }
    qsort(rows, n, sizeof *rows, by_name);
    l->rows = rows;
    l->n = n;
    return 0;
}

void lookup_fini(struct lookup *l)
{
    free(l->rows);
    memset(l, 0, sizeof *l);
}

uint32_t lookup_find(const struct lookup *l, const char *name)
{
    struct lookup_row wanted = {.name = name};
    const struct lookup_row *found = l->n ? bsearch(&wanted, l->rows, l->n, sizeof wanted, by_name)
                                          : NULL;

    return found ? found->index : LOOKUP_NONE;
}
