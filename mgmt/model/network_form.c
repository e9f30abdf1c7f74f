#include "mgmt/model/network_form.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "mgmt/model/node.h"

#define FIX_ADDRESS "give an address such as \"192.0.2.1/24\" or \"2001:db8::1/64\""
#define FIX_HOST    "give an address without a length, such as \"192.0.2.1\""
#define FIX_FEWER   "give fewer"

/* ---- reading ---- */

typedef int read_one(const struct node *n, void *out);

/* An array of at most max; out steps through `size` bytes each. */
static int read_list(const struct node *n, unsigned max, read_one *one, void *out, size_t size,
                     uint8_t *count)
{
    size_t many = json_array_size(n->v);
    int rc = 0;

    if (!n->v)
        return 0;
    if (!json_is_array(n->v))
        return node_fail(n, "give an array", "is no array");
    if (many > max)
        return node_fail(n, FIX_FEWER, "has more than %u", max);
    for (size_t i = 0; i < many && !rc; i++) {
        struct node at = node_element(n, i);

        rc = one(&at, (uint8_t *)out + i * size);
    }
    if (!rc)
        *count = (uint8_t)many;
    return rc;
}

static int read_prefix(const struct node *n, void *out)
{
    const char *text = NULL;
    int rc = node_required(n, FIX_ADDRESS);

    if (!rc)
        rc = node_string(n, &text);
    if (!rc && (!strchr(text, '/') || network_parse(out, text)))
        rc = node_fail(n, FIX_ADDRESS, "is no address with a length");
    return rc;
}

static int read_host(const struct node *n, void *out)
{
    const char *text = NULL;
    int rc = node_required(n, FIX_HOST);

    if (!rc)
        rc = node_string(n, &text);
    if (!rc && (strchr(text, '/') || network_parse(out, text)))
        rc = node_fail(n, FIX_HOST, "is no address");
    return rc;
}

static int read_route(const struct node *n, void *out)
{
    static const char *const known[] = {"to", "via", NULL};
    struct network_route *r = out;
    struct node to = node_member(n, "to"), via = node_member(n, "via");
    int rc = node_object(n, known);

    if (!rc)
        rc = read_prefix(&to, &r->to);
    return rc ? rc : read_host(&via, &r->via);
}

/* A name of an interface; whether it is one is judged later. */
static int read_name(const struct node *n, void *out)
{
    const char *text = NULL;
    int rc = node_required(n, "give an interface's name");

    if (!rc)
        rc = node_string(n, &text);
    if (!rc && strlen(text) >= NETWORK_NAME)
        rc = node_fail(n, "take at most 15 characters", "is too long for an interface");
    if (!rc)
        snprintf(out, NETWORK_NAME, "%s", text);
    return rc;
}

static int read_vlan(const struct node *n, struct network_link *l)
{
    static const char *const known[] = {"on", "id", NULL};
    struct node on = node_member(n, "on"), id = node_member(n, "id");
    uint32_t number = 0;
    int rc = node_object(n, known);

    if (!rc)
        rc = read_name(&on, l->on);
    if (!rc)
        rc = node_required(&id, "give the VLAN's number, 1 to 4094");
    if (!rc)
        rc = node_number(&id, 1, NETWORK_VLAN_MAX, &number);
    l->kind = NETWORK_VLAN;
    l->vlan = (uint16_t)number;
    return rc;
}

static int read_bond(const struct node *n, struct network_link *l)
{
    static const char *const known[] = {"mode", "members", NULL};
    static const char *const modes[] = {"active-backup", "802.3ad", "balance-xor", NULL};
    struct node mode = node_member(n, "mode"), members = node_member(n, "members");
    int rc = node_object(n, known);

    if (!rc)
        rc = node_word(&mode, modes, &l->mode);
    if (!rc)
        rc = read_list(&members, NETWORK_MEMBERS, read_name, l->members, NETWORK_NAME,
                       &l->n_members);
    l->kind = NETWORK_BOND;
    return rc;
}

/* What it is besides a name: a VLAN, a bond, or a device that is there. */
static int read_kind(const struct node *n, struct network_link *l)
{
    struct node vlan = node_member(n, "vlan"), bond = node_member(n, "bond");

    if (vlan.v && bond.v)
        return node_fail(&bond, "leave one of the two out", "is a VLAN already");
    return vlan.v ? read_vlan(&vlan, l) : bond.v ? read_bond(&bond, l) : 0;
}

static int read_link(const struct node *n, const char *name, struct network_link *l)
{
    static const char *const known[] = {"addresses", "routes", "dhcp", "router_advertisements",
                                        "mtu",       "vlan",   "bond", NULL};
    static const char *const dhcp[] = {"none", "ipv4", "ipv6", "both", NULL};
    struct node addresses = node_member(n, "addresses"), routes = node_member(n, "routes"),
                words = node_member(n, "dhcp"), mtu = node_member(n, "mtu"),
                adverts = node_member(n, "router_advertisements");
    uint32_t bytes = 0;
    int rc = node_object(n, known);

    snprintf(l->name, sizeof l->name, "%s", name);
    if (!rc)
        rc = read_kind(n, l);
    if (!rc)
        rc = node_word(&words, dhcp, &l->dhcp);
    if (!rc)
        rc = node_bool(&adverts, &l->adverts);
    if (!rc)
        rc = node_number(&mtu, NETWORK_MTU_MIN, NETWORK_MTU_MAX, &bytes);
    l->mtu = (uint16_t)bytes;
    if (!rc)
        rc = read_list(&addresses, NETWORK_ADDRESSES, read_prefix, l->addresses,
                       sizeof l->addresses[0], &l->n_addresses);
    return rc ? rc
              : read_list(&routes, NETWORK_ROUTES, read_route, l->routes, sizeof l->routes[0],
                          &l->n_routes);
}

static int read_links(const struct node *n, struct network *out)
{
    const char *name;
    json_t *value;
    int rc = 0;

    if (n->v && !json_is_object(n->v))
        return node_fail(n, "give an object: interfaces by their names", "is no object");
    if (json_object_size(n->v) > NETWORK_LINKS)
        return node_fail(n, FIX_FEWER, "has more than %d", NETWORK_LINKS);
    json_object_foreach(n->v, name, value)
    {
        struct node at = node_member(n, name);

        if (!rc && strlen(name) >= NETWORK_NAME)
            rc = node_fail(&at, "take at most 15 characters", "is too long for an interface");
        if (!rc)
            rc = read_link(&at, name, &out->links[out->n_links++]);
    }
    return rc;
}

int network_form_read(const json_t *doc, struct network *n, struct err *e)
{
    static const char *const known[] = {"interfaces", "dns", NULL};
    const struct node top = {.v = (json_t *)(uintptr_t)doc, .e = e};
    struct node links = node_member(&top, "interfaces"), dns = node_member(&top, "dns");
    int rc = node_object(&top, known);

    memset(n, 0, sizeof *n);
    if (!rc)
        rc = node_required(&links, "give {\"interfaces\": {}} for the image's own: DHCP");
    if (!rc)
        rc = read_links(&links, n);
    if (!rc)
        rc = read_list(&dns, NETWORK_SERVERS, read_host, n->dns, sizeof n->dns[0], &n->n_dns);
    if (!rc)
        rc = network_judge(n, e);
    if (rc)
        node_clean(e);
    return rc;
}

static int read_server(const struct node *n, void *out)
{
    const char *text = NULL;
    int rc = node_required(n, "give a host name or an address");

    if (!rc)
        rc = node_string(n, &text);
    if (!rc && strlen(text) >= NETWORK_HOST)
        rc = node_fail(n, "take at most 253 characters", "is too long for a host name");
    if (!rc)
        snprintf(out, NETWORK_HOST, "%s", text);
    return rc;
}

int network_form_read_time(const json_t *doc, struct network_time *t, struct err *e)
{
    static const char *const known[] = {"servers", NULL};
    const struct node top = {.v = (json_t *)(uintptr_t)doc, .e = e};
    struct node servers = node_member(&top, "servers");
    int rc = node_object(&top, known);

    memset(t, 0, sizeof *t);
    if (!rc)
        rc = node_required(&servers, "give {\"servers\": []} for those that DHCP names");
    if (!rc)
        rc = read_list(&servers, NETWORK_SERVERS, read_server, t->servers, NETWORK_HOST, &t->n);
    if (!rc)
        rc = network_judge_time(t, e);
    if (rc)
        node_clean(e);
    return rc;
}

/* ---- writing: what is as it is without saying so is left out ---- */

static json_t *text_of(const struct network_prefix *p, bool length)
{
    char text[NETWORK_TEXT];

    return json_string(network_text(p, length, text));
}

static void write_kind(const struct network_link *l, json_t *out)
{
    json_t *members;

    if (l->kind == NETWORK_VLAN)
        json_object_set_new(out, "vlan", json_pack("{s:s, s:i}", "on", l->on, "id", (int)l->vlan));
    if (l->kind != NETWORK_BOND)
        return;
    members = json_array();
    for (unsigned i = 0; i < l->n_members; i++)
        json_array_append_new(members, json_string(l->members[i]));
    json_object_set_new(
        out, "bond",
        json_pack("{s:s, s:o}", "mode", network_mode_words[l->mode], "members", members));
}

static json_t *write_link(const struct network_link *l)
{
    json_t *out = json_object(), *list = json_array();

    write_kind(l, out);
    if (l->dhcp)
        json_object_set_new(out, "dhcp", json_string(network_dhcp_words[l->dhcp]));
    if (l->adverts)
        json_object_set_new(out, "router_advertisements", json_true());
    if (l->mtu)
        json_object_set_new(out, "mtu", json_integer(l->mtu));
    for (unsigned i = 0; i < l->n_addresses; i++)
        json_array_append_new(list, text_of(&l->addresses[i], true));
    if (l->n_addresses)
        json_object_set(out, "addresses", list);
    json_decref(list);
    list = json_array();
    for (unsigned i = 0; i < l->n_routes; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "to", text_of(&l->routes[i].to, true),
                                              "via", text_of(&l->routes[i].via, false)));
    if (l->n_routes)
        json_object_set(out, "routes", list);
    json_decref(list);
    return out;
}

json_t *network_form_write(const struct network *n)
{
    json_t *links = json_object(), *dns = json_array();

    for (unsigned i = 0; i < n->n_links; i++)
        json_object_set_new(links, n->links[i].name, write_link(&n->links[i]));
    for (unsigned i = 0; i < n->n_dns; i++)
        json_array_append_new(dns, text_of(&n->dns[i], false));
    return json_pack("{s:o, s:o}", "interfaces", links, "dns", dns);
}

json_t *network_form_write_time(const struct network_time *t)
{
    json_t *servers = json_array();

    for (unsigned i = 0; i < t->n; i++)
        json_array_append_new(servers, json_string(t->servers[i]));
    return json_pack("{s:o}", "servers", servers);
}
