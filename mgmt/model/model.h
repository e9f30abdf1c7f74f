/*
 * model: the configuration as plain structs, exactly as the file says it.
 *
 * Why: text becomes a model (model_*.c), the model is judged as a whole (validate.c), and only then
 * compiled into a policy (compile.c). Each step can be tested alone, and REST will feed the same
 * model. Owner: model_parse() fills one from a JSON document that it keeps; strings point into it.
 * model_fini(). Never: opens a file, resolves a name.
 */
#ifndef PENSTOCK_MGMT_MODEL_MODEL_H
#define PENSTOCK_MGMT_MODEL_MODEL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/policy.h"
#include "mgmt/model/model_availability.h"

#define MODEL_TEXT_MAX  (8u * 1024 * 1024)
#define MODEL_RULES_MAX 1024
#define MODEL_PROFILE   "default" /* built in */

struct model_strings {
    const char **s;
    unsigned n;
};

struct model_identity {
    const char *name, *certificate, *key; /* key NULL: the one that is held for the certificate */
    const char *renew_trust, *renew_identity; /* NULL: it does not renew itself; with its own */
};

struct model_trust {
    const char *name;
    struct model_strings anchors, crls;
    struct model_strings crl_urls;    /* lists that are fetched again and again */
    struct model_strings crl_issuers; /* certificates, for their signatures */
    uint32_t crl_every_ms;            /* 0: by the lists' own dates */
    bool revocation, stale_cuts;
};

struct model_profile {
    const char *name;
    bool tls12, tls13;
    struct model_strings suites, groups, sigalgs; /* empty: the default's */
};

struct model_tls {
    bool present;
    struct model_strings identities;
    const char *trust, *profile, *server_name;
    struct model_strings alpn;
    bool alpn_same;
    struct policy_rule *rules; /* owned by the model */
    unsigned n_rules;
};

/* The built-in link's name, and the key of its configuration. */
#define MODEL_MANAGEMENT "management"
/* The identity and the trust of that link when the gateway keeps its own authority. */
#define MODEL_OWN_TRUST "penstock.management"

struct model_link {
    const char *name;
    bool management; /* to penstock-mgmt: it has no targets */
    bool internal;   /* for penstock-mgmt's own calls: it has no listener */
    struct model_strings addresses, server_names, sources, targets;
    struct model_tls listen, forward;
    bool accept_proxy;
    uint8_t engine, proxy;
    const char *source;
    struct policy_health health;
    struct policy_limits limits;
    uint32_t keepalive_s, user_timeout_s, dial_ms;
};

struct model {
    json_t *root;
    uint32_t drain_ms;
    uint32_t busy_poll_us;
    struct model_identity *identities;
    struct model_trust *trusts;
    struct model_profile *profiles;
    struct model_link *links; /* the management link, if there is one, is the last */
    struct policy_dpdk dpdk;  /* ports owned by the model; none: n_ports 0 */
    struct model_availability availability;
    bool automatic;  /* the management link's identity, or its trust too, is to be filled in */
    bool filled;     /* and was: one rule may have the role "bootstrap" */
    unsigned *roles; /* of the management link, by peer rule: sets of enum role */
    unsigned n_identities, n_trusts, n_profiles, n_links;
};

/*
 * Parse n bytes of JSON. 0, or -EINVAL (-EFBIG) with *e: where is a JSON pointer, or "line L,
 * column C" for what is no JSON; control bytes of the text never reach *e.
 */
int model_parse(struct model *m, const char *text, size_t n, struct err *e);
/* The same of a document (taken) that was parsed, and in which authority_fill() filled in what the
 * gateway adds. */
int model_filled(struct model *m, json_t *document, struct err *e);
void model_fini(struct model *m); /* harmless on a zeroed struct */

/* Everything that can be judged without opening a file. 0, or -EINVAL with *e: the first fault. */
int model_validate(const struct model *m, struct err *e);

#endif
