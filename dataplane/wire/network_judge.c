/* network_judge: do network settings hold together? One rule a function, each with its place. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/network.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* What is judged, and where complaints go. */
struct judge {
    const struct network *n;
    const struct network_link *l;
    struct err *e;
};

/* Names are judged first, so they need no escaping in a pointer. */
static int complain(const struct judge *j, const char *field, int at, const char *fix,
                    const char *what, ...) __attribute__((format(printf, 5, 6)));
static int complain(const struct judge *j, const char *field, int at, const char *fix,
                    const char *what, ...)
{
    char where[128], text[256];
    va_list ap;

    snprintf(where, sizeof where, at < 0 ? "/interfaces/%s%s" : "/interfaces/%s%s/%d", j->l->name,
             field, at);
    va_start(ap, what);
    vsnprintf(text, sizeof text, what, ap);
    va_end(ap);
    return err_set(j->e, -EINVAL, where, fix, "%s", text);
}

/* ---- names ---- */

static bool good_name(const char *name)
{
    static const char *const taken[] = {"lo", "all", "default"};

    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (!strcmp(name, taken[i]))
            return false;
    return *name && strspn(name, LETTERS "._-") == strlen(name) && strchr(LETTERS, *name) &&
           strspn(name, "0123456789") != strlen(name);
}

static const struct network_link *find(const struct network *n, const char *name)
{
    for (unsigned i = 0; i < n->n_links; i++)
        if (!strcmp(n->links[i].name, name))
            return &n->links[i];
    return NULL;
}

static int judge_name(const struct judge *j)
{
    if (!good_name(j->l->name))
        return err_set(j->e, -EINVAL, "/interfaces",
                       "take 1 to 15 of a-z A-Z 0-9 . _ -, a letter or digit first, not lo",
                       "a name is no interface's");
    if (find(j->n, j->l->name) != j->l)
        return complain(j, "", -1, "name it once", "is there twice");
    return 0;
}

/* ---- addresses ---- */

static bool host_bits_zero(const struct network_prefix *p)
{
    unsigned n = p->family == AF_INET ? 4 : 16;

    for (unsigned i = 0; i < n; i++) {
        unsigned kept = p->bits > i * 8 ? p->bits - i * 8 : 0;
        uint8_t mask = kept >= 8 ? 0xff : (uint8_t)(0xff00 >> kept);

        if (p->ip[i] & (uint8_t)~mask)
            return false;
    }
    return true;
}

/* Can a host have it? */
static bool is_host(const struct network_prefix *p)
{
    static const uint8_t none[16], self[16] = {[15] = 1};

    if (p->family == AF_INET)
        return p->ip[0] != 0 && p->ip[0] != 127 && p->ip[0] < 224;
    return p->ip[0] != 0xff && memcmp(p->ip, none, 16) != 0 && memcmp(p->ip, self, 16) != 0;
}

static bool inside(const struct network_prefix *ip, const struct network_prefix *net)
{
    struct network_prefix apart = *ip;

    for (unsigned i = 0; i < 16; i++)
        apart.ip[i] ^= net->ip[i];
    apart.bits = net->bits;
    if (ip->family != net->family)
        return false;
    for (unsigned i = 0; i < net->bits; i++)
        if (apart.ip[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

static bool same_ip(const struct network_prefix *a, const struct network_prefix *b)
{
    return a->family == b->family && !memcmp(a->ip, b->ip, a->family == AF_INET ? 4 : 16);
}

/* Does one before it have the same address? */
static bool had_before(const struct judge *j, unsigned at)
{
    const struct network_prefix *p = &j->l->addresses[at];

    for (const struct network_link *l = j->n->links; l <= j->l; l++)
        for (unsigned i = 0; i < (l == j->l ? at : l->n_addresses); i++)
            if (same_ip(&l->addresses[i], p))
                return true;
    return false;
}

static int judge_addresses(const struct judge *j)
{
    for (unsigned i = 0; i < j->l->n_addresses; i++) {
        const struct network_prefix *p = &j->l->addresses[i];

        if (!is_host(p) || p->bits == 0)
            return complain(j, "/addresses", (int)i, "give a host's address, such as 192.0.2.1/24",
                            "no host can have this address");
        if (had_before(j, i))
            return complain(j, "/addresses", (int)i, "give each address once",
                            "another one here is the same");
    }
    return 0;
}

/* ---- routes ---- */

/* The next hop has to be reachable as things stand: the kernel refuses the route else. */
static bool reachable(const struct network_link *l, const struct network_prefix *via)
{
    bool v6 = via->family == AF_INET6;

    if (v6 && via->ip[0] == 0xfe && (via->ip[1] & 0xc0) == 0x80)
        return true; /* link-local */
    if (v6 ? l->adverts || l->dhcp >= NETWORK_DHCP_6
           : l->dhcp == NETWORK_DHCP_4 || l->dhcp == NETWORK_DHCP_BOTH)
        return true; /* addresses come that are not known here */
    for (unsigned i = 0; i < l->n_addresses; i++)
        if (inside(via, &l->addresses[i]))
            return true;
    return false;
}

static int judge_routes(const struct judge *j)
{
    for (unsigned i = 0; i < j->l->n_routes; i++) {
        const struct network_route *r = &j->l->routes[i];

        if (r->to.family != r->via.family)
            return complain(j, "/routes", (int)i, "give both as IPv4 or both as IPv6",
                            "its two addresses are of two kinds");
        if (!host_bits_zero(&r->to))
            return complain(j, "/routes", (int)i, "clear the bits behind the length",
                            "the network has host bits set");
        if (!is_host(&r->via) || !reachable(j->l, &r->via))
            return complain(j, "/routes", (int)i,
                            "give a router in one of the interface's own networks",
                            "the router is not reachable from this interface");
    }
    return 0;
}

/* ---- VLANs and bonds ---- */

/* Whose member is it? NULL: nobody's. */
static const struct network_link *bond_of(const struct network *n, const char *name,
                                          const struct network_link *besides)
{
    for (unsigned i = 0; i < n->n_links; i++)
        for (unsigned k = 0; &n->links[i] != besides && k < n->links[i].n_members; k++)
            if (!strcmp(n->links[i].members[k], name))
                return &n->links[i];
    return NULL;
}

static int judge_vlan(const struct judge *j)
{
    const struct network_link *on = find(j->n, j->l->on);

    if (j->l->kind != NETWORK_VLAN)
        return j->l->vlan || j->l->on[0] ? complain(j, "/vlan", -1, "leave it out", "is no VLAN")
                                         : 0;
    if (j->l->vlan < 1 || j->l->vlan > NETWORK_VLAN_MAX)
        return complain(j, "/vlan/id", -1, "take 1 to 4094", "no VLAN has this number");
    if (!on || on->kind == NETWORK_VLAN)
        return complain(j, "/vlan/on", -1,
                        "name an interface or a bond that stands here too, {} is enough",
                        "there is no such interface here to be on");
    for (const struct network_link *l = j->n->links; l < j->l; l++)
        if (l->kind == NETWORK_VLAN && l->vlan == j->l->vlan && !strcmp(l->on, j->l->on))
            return complain(j, "/vlan", -1, "give each VLAN once", "%s is the same", l->name);
    return 0;
}

static int judge_bond(const struct judge *j)
{
    if (j->l->kind != NETWORK_BOND)
        return j->l->n_members ? complain(j, "/bond", -1, "leave it out", "is no bond") : 0;
    if (!j->l->n_members)
        return complain(j, "/bond/members", -1, "name the interfaces", "has no members");
    for (unsigned i = 0; i < j->l->n_members; i++) {
        const char *name = j->l->members[i];
        bool twice = bond_of(j->n, name, j->l) != NULL;

        for (unsigned k = 0; k < i; k++)
            twice = twice || !strcmp(j->l->members[k], name);
        if (!good_name(name))
            return complain(j, "/bond/members", (int)i, "give an interface's name",
                            "is no interface's name");
        if (twice)
            return complain(j, "/bond/members", (int)i, "put each interface in one bond",
                            "%s is in a bond already", name);
        if (find(j->n, name))
            return complain(j, "/bond/members", (int)i, "take its own settings away",
                            "%s has settings of its own", name);
    }
    return 0;
}

static int judge_mtu(const struct judge *j)
{
    if (!j->l->mtu || (j->l->mtu >= NETWORK_MTU_MIN && j->l->mtu <= NETWORK_MTU_MAX))
        return 0;
    return complain(j, "/mtu", -1, "take 1280 to 9216", "is too small or too large");
}

/* ---- the whole ---- */

static int judge_dns(const struct network *n, struct err *e)
{
    char where[24];

    if (n->n_dns && !n->n_links)
        return err_set(e, -EINVAL, "/dns", "name the interfaces too, or leave it out",
                       "without interfaces, the servers are those that DHCP gives");
    for (unsigned i = 0; i < n->n_dns; i++) {
        snprintf(where, sizeof where, "/dns/%u", i);
        if (!is_host(&n->dns[i]))
            return err_set(e, -EINVAL, where, "give a server's address", "is no host's address");
    }
    return 0;
}

int network_judge(const struct network *n, struct err *e)
{
    static int (*const rules[])(const struct judge *j) = {
        judge_name, judge_addresses, judge_routes, judge_vlan, judge_bond, judge_mtu,
    };

    for (size_t r = 0; r < ARRAY_LEN(rules); r++)
        for (unsigned i = 0; i < n->n_links; i++) {
            struct judge j = {.n = n, .l = &n->links[i], .e = e};
            int rc = rules[r](&j);

            if (rc)
                return rc;
        }
    return judge_dns(n, e);
}

/* A name of labels, or an address. */
static bool good_server(const char *s)
{
    struct network_prefix p;

    if (!strchr(s, '/') && !network_parse(&p, s))
        return is_host(&p);
    return *s && strchr(LETTERS, *s) && strspn(s, LETTERS ".-") == strlen(s) && !strstr(s, "..");
}

int network_judge_time(const struct network_time *t, struct err *e)
{
    char where[24];

    for (unsigned i = 0; i < t->n; i++) {
        snprintf(where, sizeof where, "/servers/%u", i);
        if (!good_server(t->servers[i]))
            return err_set(e, -EINVAL, where, "give a host name or an address",
                           "is no server of the time");
    }
    return 0;
}
