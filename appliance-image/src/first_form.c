#include "appliance-image/src/first_form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/model/network_form.h"
#include "mgmt/model/node.h"

#define TRUST "administrators" /* the name that it gets in the configuration */

/* The place in a member, as a place in the document. */
static int within(const char *member, int rc, struct err *e)
{
    char place[sizeof e->where];

    if (!rc)
        return 0;
    snprintf(place, sizeof place, "/%s%s", member, strcmp(e->where, "/") != 0 ? e->where : "");
    snprintf(e->where, sizeof e->where, "%s", place);
    return rc;
}

/* The administrators' own trust, with the gateway's identity. */
static int read_administrators(const struct node *n, json_t **change)
{
    static const char *const known[] = {"trust", "access", NULL};
    struct node trust = node_member(n, "trust"), access = node_member(n, "access");
    int rc = node_object(n, known);

    if (!rc)
        rc = node_required(&trust, "give {\"anchors\": [\"-----BEGIN CERTIFICATE...\"]}");
    if (!rc)
        rc = node_required(&access, "give [{ \"peer\": { ... }, \"roles\": [...] }]");
    if (!rc && !json_is_object(trust.v))
        rc = node_fail(&trust, "give an object", "is no object");
    if (!rc && !json_is_array(access.v))
        rc = node_fail(&access, "give a list", "is no list");
    if (!rc)
        *change = json_pack("{s:{s:{s:{s:s}}, s:O}, s:{s:O}}", "management", "listen", "tls",
                            "trust", TRUST, "access", access.v, "trust", TRUST, trust.v);
    return rc;
}

static int read_members(json_t *doc, struct first *f, struct err *e)
{
    static const char *const known[] = {"network", "time", "administrators", NULL};
    const struct node top = {.v = doc, .e = e};
    const struct node administrators = node_member(&top, "administrators");
    const json_t *network = json_object_get(doc, "network"), *time = json_object_get(doc, "time");
    int rc = node_object(&top, known);

    f->has_network = network != NULL;
    f->has_time = time != NULL;
    if (!rc && !json_object_size(doc))
        rc = node_fail(&top, "give \"network\", \"time\" or \"administrators\"", "holds nothing");
    if (!rc && network)
        rc = within("network", network_form_read(network, &f->network, e), e);
    if (!rc && time)
        rc = within("time", network_form_read_time(time, &f->time, e), e);
    if (!rc && administrators.v)
        rc = read_administrators(&administrators, &f->change);
    if (rc)
        node_clean(e);
    return rc;
}

void first_form_fini(struct first *f)
{
    json_decref(f->change);
    f->change = NULL;
}

int first_form_read(const char *text, size_t n, struct first *f, struct err *e)
{
    struct first got = {.has_network = false};
    json_error_t wrong;
    json_t *doc = json_loadb(text, n, JSON_REJECT_DUPLICATES, &wrong);
    int rc;

    if (!doc) {
        rc = err_set(e, -EINVAL, "/", "give one JSON object", "line %d, column %d: %s", wrong.line,
                     wrong.column, wrong.text);
        node_clean(e);
        return rc;
    }
    rc = read_members(doc, &got, e);
    json_decref(doc);
    if (!rc)
        *f = got;
    return rc;
}
