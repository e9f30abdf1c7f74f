/* One link of the configuration. */
#include <string.h>
#include "mgmt/model/model_parts.h"

static int parse_alpn(const struct node *n, struct model_tls *t, bool forward)
{
    const char *word = NULL;
    int rc;

    if (!n->v || !json_is_string(n->v)) {
        rc = node_strings(n, false, 16, &t->alpn);
        for (unsigned i = 0; i < t->alpn.n && !rc; i++)
            if (strlen(t->alpn.s[i]) > 63) {
                struct node at = node_element(n, i);
                rc = node_fail(&at, "give at most 63 bytes", "the protocol name is too long");
            }
        return rc;
    }
    rc = node_string(n, &word);
    if (!rc && (strcmp(word, "same") || !forward))
        rc = node_fail(n,
                       forward ? "give an array of protocol names, or \"same\" in a bridge"
                               : "give an array of protocol names",
                       "\"%s\" is not known here", word);
    t->alpn_same = !rc;
    return rc;
}

/* proves: this side has to name an identity. */
static int parse_tls(const struct node *n, struct model_tls *t, bool forward, bool proves)
{
    static const char *const listen_keys[] = {"identity", "trust", "profile",
                                              "alpn",     "peers", NULL};
    static const char *const forward_keys[] = {"identity", "trust",       "profile", "alpn",
                                               "peers",    "server_name", NULL};
    struct node id, trust, profile, alpn, peers, name;
    int rc = node_object(n, forward ? forward_keys : listen_keys);

    if (rc || !n->v)
        return rc;
    t->present = true;
    t->profile = MODEL_PROFILE;
    id = node_member(n, "identity");
    trust = node_member(n, "trust");
    profile = node_member(n, "profile");
    alpn = node_member(n, "alpn");
    peers = node_member(n, "peers");
    name = node_member(n, "server_name");
    if (proves)
        rc = node_required(&id, "give the name of an identity: this side has to prove itself");
    if (!rc)
        rc = node_strings(&id, true, 4, &t->identities);
    if (!rc)
        rc = node_some(&id, &t->identities, "give the name of an identity");
    if (!rc)
        rc = node_required(&trust, "give the name of a trust: the peer has to prove itself");
    if (!rc)
        rc = node_string(&trust, &t->trust);
    if (!rc)
        rc = node_string(&profile, &t->profile);
    if (!rc)
        rc = parse_alpn(&alpn, t, forward);
    if (!rc && forward)
        rc = node_required(&name, "give the name that the server's certificate must carry");
    if (!rc && forward)
        rc = node_string(&name, &t->server_name);
    return rc ? rc : model_rules(&peers, t);
}

int model_listen(const struct node *n, struct model_link *l)
{
    static const char *const known[] = {"address", "server_names", "tls", NULL};
    struct node address, names, tls;
    int rc = node_required(n, "give { \"address\": [...] }");

    if (!rc)
        rc = node_object(n, known);
    if (rc)
        return rc;
    address = node_member(n, "address");
    names = node_member(n, "server_names");
    tls = node_member(n, "tls");
    rc = node_required(&address, "give [\"ADDRESS:PORT\"]");
    if (!rc)
        rc = node_strings(&address, true, 64, &l->addresses);
    if (!rc && l->addresses.n == 0)
        rc = node_fail(&address, "give at least one ADDRESS:PORT", "is empty");
    if (!rc)
        rc = node_strings(&names, true, 256, &l->server_names);
    if (!rc && names.v && l->server_names.n == 0)
        rc = node_fail(&names, "leave the key out to take any name", "is empty");
    return rc ? rc : parse_tls(&tls, &l->listen, false, !l->management); /* the gateway has one */
}

static int parse_health(const struct node *n, struct policy_health *h)
{
    static const char *const known[] = {"interval_s", "timeout_s", "fall", "rise", NULL};
    struct node interval, timeout, fall, rise;
    uint32_t f = h->fall, r = h->rise;
    int rc = node_object(n, known);

    if (rc || !n->v)
        return rc;
    h->interval_ms = 10000;
    interval = node_member(n, "interval_s");
    timeout = node_member(n, "timeout_s");
    fall = node_member(n, "fall");
    rise = node_member(n, "rise");
    rc = node_seconds(&interval, 0.1, 3600, &h->interval_ms);
    if (!timeout.v && h->timeout_ms > h->interval_ms)
        h->timeout_ms = h->interval_ms;
    if (!rc)
        rc = node_seconds(&timeout, 0.1, 60, &h->timeout_ms);
    if (!rc)
        rc = node_number(&fall, 1, 100, &f);
    if (!rc)
        rc = node_number(&rise, 1, 100, &r);
    h->fall = (uint16_t)f;
    h->rise = (uint16_t)r;
    return rc;
}

static int parse_forward(const struct node *n, struct model_link *l)
{
    static const char *const known[] = {"to", "tls", "proxy", "source", "health", "dial_s", NULL};
    static const char *const proxies[] = {"none", "v1", "v2", "v2-tls", NULL};
    struct node to, tls, proxy, source, health, dial;
    int rc = node_required(n, "give { \"to\": [...] }");

    if (!rc)
        rc = node_object(n, known);
    if (rc)
        return rc;
    to = node_member(n, "to");
    tls = node_member(n, "tls");
    proxy = node_member(n, "proxy");
    source = node_member(n, "source");
    health = node_member(n, "health");
    dial = node_member(n, "dial_s");
    rc = node_required(&to, "give [\"HOST:PORT\"]");
    if (!rc)
        rc = node_strings(&to, true, 64, &l->targets);
    if (!rc && l->targets.n == 0)
        rc = node_fail(&to, "give at least one HOST:PORT or unix:/PATH", "is empty");
    if (!rc)
        rc = node_word(&proxy, proxies, &l->proxy);
    if (!rc)
        rc = node_string(&source, &l->source);
    if (!rc)
        rc = parse_health(&health, &l->health);
    if (!rc)
        rc = node_seconds(&dial, 0.1, 300, &l->dial_ms);
    return rc ? rc : parse_tls(&tls, &l->forward, true, false); /* if the server lets us */
}

int model_limits(const struct node *n, struct policy_limits *lim)
{
    static const char *const known[] = {"sessions",
                                        "handshakes_per_second",
                                        "handshakes_per_source",
                                        "sessions_per_peer",
                                        "handshake_s",
                                        "idle_s",
                                        "life_s",
                                        NULL};
    struct node v;
    int rc = node_object(n, known);

    if (rc || !n->v)
        return rc;
    v = node_member(n, "sessions");
    rc = node_number(&v, 1, 1000000, &lim->sessions);
    v = node_member(n, "handshakes_per_second");
    if (!rc)
        rc = node_number(&v, 1, 1000000, &lim->handshakes_per_second);
    v = node_member(n, "handshakes_per_source");
    if (!rc)
        rc = node_number(&v, 1, 1000000, &lim->handshakes_per_source);
    v = node_member(n, "sessions_per_peer");
    if (!rc)
        rc = node_number(&v, 0, 1000000, &lim->sessions_per_peer);
    v = node_member(n, "handshake_s");
    if (!rc)
        rc = node_seconds(&v, 0.1, 60, &lim->handshake_ms);
    v = node_member(n, "idle_s");
    if (!rc)
        rc = node_seconds(&v, 0, 2000000, &lim->idle_ms);
    v = node_member(n, "life_s");
    return rc ? rc : node_seconds(&v, 0, 2000000, &lim->life_ms);
}

void model_link_defaults(struct model_link *l)
{
    l->limits = (struct policy_limits){.sessions = 10000,
                                       .handshakes_per_second = 500,
                                       .handshakes_per_source = 100,
                                       .handshake_ms = 5000};
    l->health = (struct policy_health){.timeout_ms = 2000, .fall = 3, .rise = 1};
    l->keepalive_s = 60;
    l->user_timeout_s = 30;
    l->dial_ms = 3000;
}

int model_link(const struct node *n, const char *name, void *out)
{
    static const char *const known[] = {
        "listen",       "forward",     "engine",         "limits",   "sources",
        "accept_proxy", "keepalive_s", "user_timeout_s", "internal", NULL};
    static const char *const engines[] = {"auto", "ktls", "soft", "dpdk", NULL};
    struct model_link *l = out;
    struct node listen, forward, engine, limits, sources, proxy, keepalive, user, internal;
    int rc = node_object(n, known);

    if (rc)
        return rc;
    l->name = name;
    if (!strcmp(name, MODEL_MANAGEMENT))
        return node_fail(n, "choose another name", "the link \"management\" is built in");
    model_link_defaults(l);
    listen = node_member(n, "listen");
    forward = node_member(n, "forward");
    engine = node_member(n, "engine");
    limits = node_member(n, "limits");
    sources = node_member(n, "sources");
    proxy = node_member(n, "accept_proxy");
    keepalive = node_member(n, "keepalive_s");
    user = node_member(n, "user_timeout_s");
    internal = node_member(n, "internal");
    rc = node_bool(&internal, &l->internal);
    if (!rc && !l->internal)
        rc = model_listen(&listen, l);
    if (!rc)
        rc = parse_forward(&forward, l);
    if (!rc)
        rc = node_word(&engine, engines, &l->engine);
    if (!rc)
        rc = model_limits(&limits, &l->limits);
    if (!rc)
        rc = node_strings(&sources, true, 1024, &l->sources);
    if (!rc && sources.v && l->sources.n == 0)
        rc = node_fail(&sources, "leave the key out to allow every source",
                       "is empty: it would allow nobody");
    if (!rc)
        rc = node_bool(&proxy, &l->accept_proxy);
    if (!rc)
        rc = node_number(&keepalive, 0, 32767, &l->keepalive_s); /* TCP_KEEPIDLE takes no more */
    return rc ? rc : node_number(&user, 0, 86400, &l->user_timeout_s);
}
