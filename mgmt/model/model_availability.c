#include "mgmt/model/model_availability.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/model/names.h"
#include "mgmt/model/node.h"

#define INTERVAL_MS 1000
#define PRIORITY    100
#define OWN_MAX     64

static int parse_address(const struct node *n, bool network, struct vrrp_address *out)
{
    const char *text = NULL, *fix = network ? "give ADDRESS/BITS, as 192.0.2.10/24"
                                            : "give an address: 192.0.2.1";
    int rc = node_string(n, &text);

    if (rc || !text)
        return rc;
    if (vrrp_address_parse(text, out) || (out->bits > 0) != network)
        return node_fail(n, fix, "\"%s\" is no address of this form", text);
    return 0;
}

static int parse_addresses(const struct node *n, struct vrrp_set *s)
{
    size_t count = json_array_size(n->v);
    int rc = node_required(n, "give [\"192.0.2.10/24\"]: what the pair answers for");

    if (!rc && (!json_is_array(n->v) || count == 0 || count > VRRP_ADDRESSES_MAX))
        rc = node_fail(n, "give [\"192.0.2.10/24\"]", "is no list of 1 to %d addresses",
                       VRRP_ADDRESSES_MAX);
    for (size_t i = 0; i < count && !rc; i++) {
        struct node one = node_element(n, i);

        rc = parse_address(&one, true, &s->addresses[i]);
        for (size_t k = 0; k < i && !rc; k++)
            if (!memcmp(s->addresses[k].ip, s->addresses[i].ip, 16))
                rc = node_fail(&one, "name each address once", "stands twice");
    }
    s->n_addresses = (uint8_t)count;
    return rc;
}

static int parse_interface(const struct node *n, struct vrrp_set *s)
{
    const char *name = NULL;
    int rc = node_required(n, "name the interface that has the addresses");

    if (!rc)
        rc = node_string(n, &name);
    if (!rc && !vrrp_is_interface(name))
        rc = node_fail(n, "give the name of an interface, as eth1", "\"%s\" is none", name);
    if (!rc)
        snprintf(s->interface, sizeof s->interface, "%s", name);
    return rc;
}

static int parse_numbers(const struct node *n, struct vrrp_set *s)
{
    struct node router = node_member(n, "router"), priority = node_member(n, "priority"),
                interval = node_member(n, "interval_s"), preempt = node_member(n, "preempt");
    uint32_t id = 0, weight = PRIORITY;
    int rc = node_required(&router, "give a number that no other pair on this network has");

    s->interval_ms = INTERVAL_MS;
    if (!rc)
        rc = node_number(&router, 1, 255, &id);
    if (!rc)
        rc = node_number(&priority, 1, VRRP_PRIORITY_MAX, &weight);
    if (!rc)
        rc = node_seconds(&interval, VRRP_INTERVAL_MIN / 1e3, VRRP_INTERVAL_MAX / 1e3,
                          &s->interval_ms);
    if (!rc && s->interval_ms % 10)
        rc = node_fail(&interval, "give hundredths of a second", "is finer than VRRP can say");
    s->router = (uint8_t)id;
    s->priority = (uint8_t)weight;
    return rc ? rc : node_bool(&preempt, &s->preempt);
}

/* "host:port", "[v6]:port" -> the host. 0 or -EINVAL. */
static int host_of(const char *target, char host[256])
{
    struct addr a;
    uint16_t port;
    char *end;

    if (addr_parse(&a, target))
        return addr_split(target, host, 256, &port);
    if (!addr_is_ip(&a) || !addr_port(&a))
        return -EINVAL;
    snprintf(host, 256, "%s", target + (target[0] == '['));
    end = strrchr(host, target[0] == '[' ? ']' : ':');
    if (end)
        *end = '\0';
    return 0;
}

/* Where its management is, and how it is known. */
static int parse_management(const struct node *n, struct model_partner *p)
{
    struct node at = node_member(n, "management"), identity = node_member(n, "identity"),
                trust = node_member(n, "trust"), pin = node_member(n, "spki_sha256"),
                name = node_member(n, "server_name");
    const char *server_name = NULL, *fault = NULL;
    int rc = node_string(&at, &p->management);

    if (!rc && host_of(p->management, p->server_name))
        rc = node_fail(&at, "give HOST:PORT or [IPv6]:PORT of its management link",
                       "\"%s\" is no such address", p->management);
    if (!rc)
        rc = node_required(&identity, "name the identity that the partner knows");
    if (!rc)
        rc = node_string(&identity, &p->identity);
    if (!rc)
        rc = node_required(&trust, "name the trust that the partner's certificate is checked with");
    if (!rc)
        rc = node_string(&trust, &p->trust);
    if (!rc)
        rc = node_required(&pin, "give the hash of its management certificate's key (its "
                                 "SubjectPublicKeyInfo)");
    if (!rc)
        rc = node_string(&pin, &p->spki_sha256);
    if (!rc)
        fault = name_sha256(p->spki_sha256);
    if (!rc && fault)
        rc = node_fail(&pin, "give 64 lower-case hex digits", "\"%s\" %s", p->spki_sha256, fault);
    if (!rc)
        rc = node_string(&name, &server_name);
    if (!rc && server_name)
        snprintf(p->server_name, sizeof p->server_name, "%s", server_name);
    p->present = !rc;
    return rc;
}

static int parse_partner(const struct node *n, const struct node *source,
                         struct model_availability *out)
{
    static const char *const known[] = {"address",     "management",  "identity", "trust",
                                        "spki_sha256", "server_name", NULL};
    struct node address, management;
    int rc = node_object(n, known);

    if (rc || !n->v)
        return rc;
    address = node_member(n, "address");
    management = node_member(n, "management");
    rc = parse_address(&address, false, &out->vrrp.peer);
    if (!rc && address.v && out->vrrp.source.family != out->vrrp.peer.family)
        rc = node_fail(source, "give this gateway's own address, of the same family",
                       "is missing, or is no fellow of the partner's address");
    if (!rc && !address.v && !management.v)
        rc = node_fail(n, "give \"address\", \"management\" or both", "says nothing of it");
    return !rc && management.v ? parse_management(n, &out->partner) : rc;
}

int model_availability(const struct node *n, struct model_availability *out)
{
    static const char *const known[] = {"interface",  "router",  "addresses", "priority",
                                        "interval_s", "preempt", "source",    "partner",
                                        "own",        NULL};
    struct node interface, addresses, source, partner, own;
    struct model_strings names = {0};
    int rc = node_object(n, known);

    if (rc || !n->v)
        return rc;
    interface = node_member(n, "interface");
    addresses = node_member(n, "addresses");
    source = node_member(n, "source");
    partner = node_member(n, "partner");
    own = node_member(n, "own");
    rc = parse_interface(&interface, &out->vrrp);
    if (!rc)
        rc = parse_addresses(&addresses, &out->vrrp);
    if (!rc)
        rc = parse_numbers(n, &out->vrrp);
    if (!rc)
        rc = parse_address(&source, false, &out->vrrp.source);
    if (!rc)
        rc = parse_partner(&partner, &source, out);
    if (!rc && out->vrrp.source.family && !out->vrrp.peer.family)
        rc = node_fail(&source,
                       "give the partner's address too, or leave it out: then VRRP is "
                       "multicast",
                       "stands alone");
    if (!rc)
        rc = node_strings(&own, false, OWN_MAX, &names);
    free(names.s);
    out->vrrp.on = !rc;
    return rc;
}

bool model_availability_has(const struct model_availability *a, const struct addr *addr)
{
    bool v4 = addr->sa.sa_family == AF_INET;
    const void *ip = v4 ? (const void *)&addr->in4.sin_addr : (const void *)&addr->in6.sin6_addr;

    for (unsigned i = 0; i < a->vrrp.n_addresses; i++)
        if (a->vrrp.addresses[i].family == addr->sa.sa_family &&
            !memcmp(a->vrrp.addresses[i].ip, ip, v4 ? 4 : 16))
            return true;
    return false;
}
