#include "appliance-image/src/form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BOND "bond0"
#define DHCP "dhcp"

const struct form_line form_lines[FORM_FIELDS] = {
    [FORM_DEVICES] = {"interface", "such as enp1s0; several with commas are a bond"},
    [FORM_VLAN] = {"VLAN", "its number, or nothing"},
    [FORM_ADDRESS] = {"address", "such as 192.0.2.1/24 or 2001:db8::1/64, or dhcp"},
    [FORM_GATEWAY] = {"gateway", "an address, or nothing"},
    [FORM_DNS] = {"name servers", "addresses with commas, or nothing"},
    [FORM_TIME] = {"time servers", "names or addresses with commas; nothing: as they are"},
};

static int refuse(struct err *e, enum form_field field, const char *what)
{
    return err_set(e, -EINVAL, form_lines[field].name, form_lines[field].hint, "%s", what);
}

/* The words between commas into rows of `size` bytes. Their number, or -1: too many or too long. */
static int split(const char *text, char *rows, unsigned max, size_t size)
{
    unsigned n = 0;

    while (*text) {
        size_t len = strcspn(text, ",");

        if (n == max || len >= size)
            return -1;
        memcpy(rows + n * size, text, len);
        rows[n++ * size + len] = '\0';
        text += len + (text[len] == ',');
    }
    return (int)n;
}

/* A bond of them, if they are several. */
static int read_devices(const struct form *f, struct network *n, struct err *e)
{
    struct network_link *l = &n->links[0];
    int many = split(f->values[FORM_DEVICES], l->members[0], NETWORK_MEMBERS, NETWORK_NAME);

    if (many < 1)
        return refuse(e, FORM_DEVICES, "is no name of an interface, or names too many");
    n->n_links = 1;
    snprintf(l->name, sizeof l->name, "%s", many > 1 ? BOND : l->members[0]);
    if (many > 1) {
        l->kind = NETWORK_BOND;
        l->mode = NETWORK_BACKUP;
        l->n_members = (uint8_t)many;
    }
    return 0;
}

static int read_vlan(const struct form *f, struct network *n, struct err *e)
{
    const char *text = f->values[FORM_VLAN];
    struct network_link *l = &n->links[1];
    char *end;
    long id = strtol(text, &end, 10);

    if (!*text)
        return 0;
    if (*end || id < 1 || id > NETWORK_VLAN_MAX)
        return refuse(e, FORM_VLAN, "is no number from 1 to 4094");
    l->kind = NETWORK_VLAN;
    l->vlan = (uint16_t)id;
    snprintf(l->name, sizeof l->name, "vlan%ld", id);
    snprintf(l->on, sizeof l->on, "%s", n->links[0].name);
    n->n_links = 2;
    return 0;
}

static int read_address(const struct form *f, struct network_link *l, struct err *e)
{
    const char *text = f->values[FORM_ADDRESS];

    if (!strcmp(text, DHCP)) {
        l->dhcp = NETWORK_DHCP_4;
        return 0;
    }
    if (!strchr(text, '/') || network_parse(&l->addresses[0], text))
        return refuse(e, FORM_ADDRESS, "is no address with a length");
    l->n_addresses = 1;
    return 0;
}

static int read_gateway(const struct form *f, struct network_link *l, struct err *e)
{
    const char *text = f->values[FORM_GATEWAY];
    struct network_route *r = &l->routes[0];

    if (!*text)
        return 0;
    if (strchr(text, '/') || network_parse(&r->via, text))
        return refuse(e, FORM_GATEWAY, "is no address");
    r->to.family = r->via.family;
    l->n_routes = 1;
    return 0;
}

static int read_servers(const struct form *f, struct network *n, struct network_time *t,
                        struct err *e)
{
    char dns[NETWORK_SERVERS][NETWORK_TEXT];
    int many = split(f->values[FORM_DNS], dns[0], NETWORK_SERVERS, NETWORK_TEXT);

    for (int i = 0; i < many; i++)
        if (strchr(dns[i], '/') || network_parse(&n->dns[i], dns[i]))
            many = -1;
    if (many < 0)
        return refuse(e, FORM_DNS, "is no list of at most 4 addresses");
    n->n_dns = (uint8_t)many;
    many = split(f->values[FORM_TIME], t->servers[0], NETWORK_SERVERS, NETWORK_HOST);
    if (many < 0)
        return refuse(e, FORM_TIME, "is no list of at most 4 servers");
    t->n = (uint8_t)many;
    return 0;
}

int form_read(const struct form *f, struct network *n, struct network_time *t, struct err *e)
{
    struct network_link *last;
    int rc;

    memset(n, 0, sizeof *n);
    memset(t, 0, sizeof *t);
    rc = read_devices(f, n, e);
    if (!rc)
        rc = read_vlan(f, n, e);
    last = &n->links[n->n_links ? n->n_links - 1 : 0];
    if (!rc)
        rc = read_address(f, last, e);
    if (!rc)
        rc = read_gateway(f, last, e);
    if (!rc)
        rc = read_servers(f, n, t, e);
    if (!rc)
        rc = network_judge(n, e);
    return rc ? rc : network_judge_time(t, e);
}
