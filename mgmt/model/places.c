#include "mgmt/model/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_port(const struct place *a, const struct place *b)
{
    if (a->addr.sa.sa_family != b->addr.sa.sa_family)
        return a->addr.sa.sa_family < b->addr.sa.sa_family ? -1 : 1;
    return (int)addr_port(&a->addr) - (int)addr_port(&b->addr);
}

static int compare_address(const struct place *a, const struct place *b)
{
    int c = compare_port(a, b);

    if (c)
        return c;
    return a->addr.sa.sa_family == AF_INET
               ? memcmp(&a->addr.in4.sin_addr, &b->addr.in4.sin_addr, 4)
               : memcmp(&a->addr.in6.sin6_addr, &b->addr.in6.sin6_addr, 16);
}

static int compare_rows(const void *x, const void *y)
{
    const struct place *a = x, *b = y;
    int c = compare_address(a, b);

    return c ? c : a->order < b->order ? -1 : a->order > b->order;
}

int places_init(struct places *p, const struct model *m)
{
    unsigned n = 0, k = 0;

    for (unsigned i = 0; i < m->n_links; i++)
        n += m->links[i].addresses.n;
    p->rows = calloc(n + 1u, sizeof *p->rows);
    if (!p->rows)
        return -ENOMEM;
    for (unsigned i = 0; i < m->n_links; i++)
        for (unsigned j = 0; j < m->links[i].addresses.n; j++, k++) {
            struct place *row = &p->rows[k];

            if (addr_parse(&row->addr, m->links[i].addresses.s[j]))
                memset(&row->addr, 0, sizeof row->addr);
            row->order = k;
            row->link = i;
            row->index = j;
        }
    p->n = n;
    qsort(p->rows, n, sizeof *p->rows, compare_rows);
    return 0;
}

void places_fini(struct places *p)
{
    free(p->rows);
    memset(p, 0, sizeof *p);
}

unsigned places_same_address(const struct places *p, unsigned i)
{
    unsigned end = i + 1;

    while (end < p->n && !compare_address(&p->rows[i], &p->rows[end]))
        end++;
    return end;
}

unsigned places_same_port(const struct places *p, unsigned i)
{
    unsigned end = i + 1;

    while (end < p->n && !compare_port(&p->rows[i], &p->rows[end]))
        end++;
    return end;
}
