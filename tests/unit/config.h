/* config: a good configuration for tests, and one change to it at a time. */
#ifndef PENSTOCK_TEST_CONFIG_H
#define PENSTOCK_TEST_CONFIG_H

#include <jansson.h>
#include <stdlib.h>
#include "mgmt/model/model.h"
#include "tests/unit/test.h"

static const char config_good[] =
    "{ \"identities\": { \"gw\": { \"certificate\": \"gw.pem\", \"key\": \"gw.key\" },"
    "                    \"gw2\": { \"certificate\": \"gw2.pem\", \"key\": \"gw2.key\" } },"
    "  \"trust\": { \"partners\": { \"anchors\": [\"ca.pem\"], \"crls\": [\"ca.crl\"],"
    "                               \"revocation\": \"crl\" } },"
    "  \"profiles\": { \"strict\": { \"versions\": [\"1.3\"],"
    "      \"suites\": [\"TLS_AES_256_GCM_SHA384\"], \"groups\": [\"X25519\"] } },"
    "  \"links\": {"
    "    \"in\": { \"listen\": { \"address\": [\"127.0.0.1:8443\"], \"server_names\": "
    "[\"gw.test\"],"
    "                \"tls\": { \"identity\": \"gw\", \"trust\": \"partners\", \"alpn\": [],"
    "                           \"peers\": [ { \"uri\": \"spiffe://partner.example/client\" } ] } "
    "},"
    "              \"forward\": { \"to\": [\"127.0.0.1:7000\"], \"proxy\": \"none\" },"
    "              \"engine\": \"auto\", \"limits\": { \"sessions\": 10000 } },"
    "    \"out\": { \"listen\": { \"address\": [\"127.0.0.1:7443\"] },"
    "               \"forward\": { \"to\": [\"127.0.0.1:8443\"],"
    "                 \"tls\": { \"identity\": \"gw\", \"trust\": \"partners\","
    "                            \"server_name\": \"gw.test\", \"peers\": [ { \"dns\": \"gw.test\" "
    "} ]"
    "                          } } } } }";

/* Put `value` (JSON text; NULL: remove) at a JSON pointer; objects on the way must be there. */
static inline void config_put(json_t *root, const char *pointer, const char *value)
{
    char path[256], *key = path + 1, *slash;
    json_t *v = value ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL, *at = root;

    snprintf(path, sizeof path, "%s", pointer);
    if (value && !v) {
        printf("    not JSON: %s\n", value);
        test_fail(__FILE__, __LINE__, value);
        return;
    }
    while ((slash = strchr(key, '/')) != NULL) {
        *slash = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key)) : json_object_get(at, key);
        key = slash + 1;
    }
    if (!v)
        json_object_del(at, key);
    else if (json_is_array(at))
        json_array_set_new(at, (size_t)atoi(key), v);
    else
        json_object_set_new(at, key, v);
}

/* The good configuration with up to two changes, as text to be freed. */
static inline char *config_text(const char *at1, const char *v1, const char *at2, const char *v2)
{
    json_t *root = json_loads(config_good, 0, NULL);
    char *text;

    if (at1)
        config_put(root, at1, v1);
    if (at2)
        config_put(root, at2, v2);
    text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    return text;
}

/* Parse and validate a text. 0, or -errno with *e. */
static inline int config_judge(const char *text, struct err *e)
{
    struct model m = {0};
    int rc = model_parse(&m, text, strlen(text), e);

    if (!rc)
        rc = model_validate(&m, e);
    model_fini(&m);
    return rc;
}

/* One change makes the configuration wrong at `where`, and the message has `word` in it. */
static inline void config_refused(const char *at, const char *value, const char *where,
                                  const char *word)
{
    char *text = config_text(at, value, NULL, NULL), said[1100];
    struct err e = {{0}, {0}, {0}};
    int rc = config_judge(text, &e);
    bool good = rc < 0 && !strcmp(e.where, where) &&
                strstr(err_text(&e, said, sizeof said), word) && e.fix[0];

    if (!good) {
        printf("    %s := %s: rc %d, \"%s\"; wanted %s ... %s\n", at, value ? value : "(gone)", rc,
               rc ? err_text(&e, said, sizeof said) : "accepted", where, word);
        test_fail(__FILE__, __LINE__, "it is refused there");
    }
    free(text);
}

static inline void config_accepted(const char *at, const char *value)
{
    char *text = config_text(at, value, NULL, NULL), said[1100];
    struct err e = {{0}, {0}, {0}};

    if (config_judge(text, &e)) {
        printf("    %s := %s: %s\n", at, value ? value : "(gone)", err_text(&e, said, sizeof said));
        test_fail(__FILE__, __LINE__, "it is accepted");
    }
    free(text);
}

#endif
