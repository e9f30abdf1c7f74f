/* Links that share an address or a port: what they may share, and by which names. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/model/places.h"

struct judge {
    const struct model *m;
    struct places places;
    unsigned first; /* order of the fault in *e; UINT_MAX: none yet */
    struct err *e;
};

struct name_row {
    const char *name;
    const struct place *at;
};

/* Note a fault of the place `at`, if it comes before the one that is noted. */
static void blame(struct judge *j, const struct place *at, const char *part, const char *fix,
                  const char *what)
{
    const struct model_link *l = &j->m->links[at->link];
    char where[256], place[48];

    if (at->order >= j->first)
        return;
    snprintf(place, sizeof place, "/listen/address/%u", at->index);
    snprintf(where, sizeof where, "/links/%s%s", l->name, part ? part : place);
    j->first = at->order;
    err_set(j->e, -EINVAL, where, fix, "%s", what);
}

static const char *address_of(const struct judge *j, const struct place *p)
{
    return j->m->links[p->link].addresses.s[p->index];
}

static bool is_wildcard(const struct place *p)
{
    static const uint8_t zeros[16];

    return p->addr.sa.sa_family == AF_INET ? p->addr.in4.sin_addr.s_addr == 0
                                           : !memcmp(&p->addr.in6.sin6_addr, zeros, 16);
}

/* 0.0.0.0 beside another address of the port takes what is meant for that one; it sorts first. */
static void judge_port(struct judge *j, unsigned from, unsigned end)
{
    const struct place *all = &j->places.rows[from];
    unsigned next = places_same_address(&j->places, from);

    if (!is_wildcard(all))
        return;
    for (unsigned i = next; i < end; i++) {
        const struct place *one = &j->places.rows[i];
        const struct place *later = one->order > all->order ? one : all;
        const struct place *other = later == one ? all : one;
        char what[320];

        snprintf(what, sizeof what, "%.100s overlaps with %.100s of link %s", address_of(j, later),
                 address_of(j, other), j->m->links[other->link].name);
        blame(j, later, NULL, "use addresses that do not overlap", what);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct name_row *x = a, *y = b;
    int c = strcasecmp(x->name, y->name);

    return c ? c : x->at->order < y->at->order ? -1 : x->at->order > y->at->order;
}

static void blame_names(struct judge *j, const struct name_row *a, const struct name_row *b)
{
    const struct name_row *later = a->at->order > b->at->order ? a : b, *other = later == a ? b : a;
    char what[700];

    snprintf(what, sizeof what, "%.200s meets %.200s of link %s on %.100s", later->name,
             other->name, j->m->links[other->at->link].name, address_of(j, later->at));
    blame(j, later->at, "/listen/server_names", "give each link names that no other takes", what);
}

/* Equal names lie side by side; the wildcard over a name is found by bisection. */
static void judge_name_rows(struct judge *j, const struct name_row *rows, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *dot = strchr(rows[i].name, '.');
        const struct name_row *over;
        struct name_row wild = {.at = rows[i].at};
        char name[300];

        if (i > 0 && !strcasecmp(rows[i - 1].name, rows[i].name))
            blame_names(j, &rows[i - 1], &rows[i]);
        if (rows[i].name[0] == '*' || !dot)
            continue;
        snprintf(name, sizeof name, "*%s", dot);
        wild.name = name;
        for (unsigned low = 0, high = n; low < high;) {
            unsigned mid = low + (high - low) / 2;
            int c = strcasecmp(wild.name, rows[mid].name);

            over = &rows[mid];
            if (c == 0 && over->at->link != rows[i].at->link)
                blame_names(j, over, &rows[i]);
            if (c == 0)
                break;
            if (c < 0)
                high = mid;
            else
                low = mid + 1;
        }
    }
}

static int judge_names(struct judge *j, unsigned from, unsigned end)
{
    const struct place *unnamed = NULL;
    struct name_row *rows;
    unsigned n = 0;

    for (unsigned i = from; i < end; i++)
        n += j->m->links[j->places.rows[i].link].server_names.n;
    rows = calloc(n + 1u, sizeof *rows);
    if (!rows)
        return -ENOMEM;
    n = 0;
    for (unsigned i = from; i < end; i++) {
        const struct place *at = &j->places.rows[i];
        const struct model_link *l = &j->m->links[at->link];
        char what[320];

        for (unsigned k = 0; k < l->server_names.n; k++)
            rows[n++] = (struct name_row){l->server_names.s[k], at};
        if (l->server_names.n)
            continue;
        if (unnamed) {
            snprintf(what, sizeof what, "%.100s: link %s takes any name there too",
                     address_of(j, at), j->m->links[unnamed->link].name);
            blame(j, at, NULL, "give the links different server_names", what);
        }
        unnamed = at;
    }
    qsort(rows, n, sizeof *rows, by_name);
    judge_name_rows(j, rows, n);
    free(rows);
    return 0;
}

/* Rows of one address, in document order. */
static int judge_address(struct judge *j, unsigned from, unsigned end)
{
    const struct place *first = &j->places.rows[from];
    bool plain = !j->m->links[first->link].listen.present, twice = false;

    for (unsigned i = from + 1; i < end; i++) {
        const struct place *at = &j->places.rows[i], *before = at - 1;
        const struct model_link *l = &j->m->links[at->link];
        char what[320];

        snprintf(what, sizeof what, "%.100s is an address of link %s too", address_of(j, at),
                 j->m->links[first->link].name);
        if (at->link == before->link) {
            blame(j, at, NULL, "give each address once", "is given twice");
            twice = true;
        } else if (plain || !l->listen.present) {
            blame(j, at, NULL, "only links with tls on the listen side can share an address", what);
        } else if (l->accept_proxy != j->m->links[first->link].accept_proxy) {
            blame(j, at, "/accept_proxy", "set it alike on every link of the address", what);
        } else if ((l->engine == ENGINE_DPDK) != (j->m->links[first->link].engine == ENGINE_DPDK)) {
            blame(j, at, "/engine", "give all links of the address the engine \"dpdk\", or none",
                  what);
        }
        plain |= !l->listen.present;
    }
    return plain || twice ? 0 : judge_names(j, from, end);
}

static int judge_all(struct judge *j)
{
    unsigned distinct = 0;
    int rc = 0;

    for (unsigned i = 0; i < j->places.n; i = places_same_port(&j->places, i))
        judge_port(j, i, places_same_port(&j->places, i));
    for (unsigned i = 0; i < j->places.n && !rc; i = places_same_address(&j->places, i)) {
        rc = judge_address(j, i, places_same_address(&j->places, i));
        distinct++;
    }
    if (rc || j->first != UINT32_MAX)
        return rc ? rc : -EINVAL;
    if (distinct > PLACES_ADDRESSES_MAX)
        return err_set(j->e, -EINVAL, "/links", "share addresses by server_names",
                       "%u addresses to listen on; at most %d can be used", distinct,
                       PLACES_ADDRESSES_MAX);
    return 0;
}

int places_judge(const struct model *m, struct err *e)
{
    struct judge j = {.m = m, .first = UINT32_MAX, .e = e};
    int rc = places_init(&j.places, m);

    if (!rc)
        rc = judge_all(&j);
    places_fini(&j.places);
    return rc == -ENOMEM ? err_set(e, rc, "/links", "free memory", "out of memory") : rc;
}
