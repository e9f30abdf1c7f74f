#include "dataplane/core/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void registry_init(struct registry *r)
{
    pthread_mutex_init(&r->lock, NULL);
    list_init(&r->links);
    r->count = 0;
}

static void link_live_free(struct link_live *l)
{
    struct list *pos, *tmp;

    list_for_each_safe(pos, tmp, &l->targets) free(list_entry(pos, struct target_live, node));
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void registry_fini(struct registry *r)
{
    struct list *pos, *tmp;

    list_for_each_safe(pos, tmp, &r->links) link_live_free(list_entry(pos, struct link_live, node));
    pthread_mutex_destroy(&r->lock);
}

static struct link_live *registry_link(struct registry *r, const char *name)
{
    struct link_live *l;
    struct list *pos;

    list_for_each(pos, &r->links)
    {
        l = list_entry(pos, struct link_live, node);
        if (!strcmp(l->name, name))
            return l;
    }
    l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    snprintf(l->name, sizeof l->name, "%s", name);
    l->number = ++r->count;
    pthread_mutex_init(&l->lock, NULL);
    list_init(&l->targets);
    list_push(&r->links, &l->node);
    return l;
}

static struct target_live *link_target(struct link_live *l, const struct addr *a)
{
    struct target_live *t;
    struct list *pos;

    list_for_each(pos, &l->targets)
    {
        t = list_entry(pos, struct target_live, node);
        if (addr_equal(&t->addr, a))
            return t;
    }
    t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->addr = *a;
    list_push(&l->targets, &t->node);
    return t;
}

static int gate_pair(struct registry *r, struct gate_link *gl, const struct policy_link *pl)
{
    int rc = 0;

    gl->policy = pl;
    gl->live = registry_link(r, pl->name);
    gl->targets = calloc(pl->n_targets ? pl->n_targets : 1, sizeof(struct target_live *));
    if (!gl->live || !gl->targets)
        return -ENOMEM;
    pthread_mutex_lock(&gl->live->lock);
    for (unsigned i = 0; i < pl->n_targets && !rc; i++) {
        gl->targets[i] = link_target(gl->live, &pl->targets[i].addr);
        if (!gl->targets[i])
            rc = -ENOMEM;
    }
    pthread_mutex_unlock(&gl->live->lock);
    return rc;
}

int gate_new(struct registry *r, struct policy *p, struct gate **out)
{
    struct gate *g = calloc(1, sizeof *g);
    int rc = 0;

    if (!g) {
        policy_free(p);
        return -ENOMEM;
    }
    g->policy = p;
    atomic_init(&g->refs, 1);
    g->links = calloc(p->n_links ? p->n_links : 1, sizeof *g->links);
    if (!g->links)
        rc = -ENOMEM;
    pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < p->n_links && !rc; i++)
        rc = gate_pair(r, &g->links[i], &p->links[i]);
    pthread_mutex_unlock(&r->lock);
    if (rc) {
        gate_put(g);
        return rc;
    }
    *out = g;
    return 0;
}

struct gate *gate_get(struct gate *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void gate_put(struct gate *g)
{
    if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; g->links && i < g->policy->n_links; i++)
        free(g->links[i].targets);
    free(g->links);
    policy_free(g->policy);
    free(g);
}

struct gate_link *gate_find(struct gate *g, const char *name)
{
    for (unsigned i = 0; i < g->policy->n_links; i++)
        if (!strcmp(g->policy->links[i].name, name))
            return &g->links[i];
    return NULL;
}
