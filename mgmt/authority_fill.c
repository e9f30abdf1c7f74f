/* authority_fill: the state of the authority, as a document says it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/secret.h"
#include "mgmt/authority.h"
#include "mgmt/model/token.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"
#include "mgmt/store/pem.h"

#define ADMIN_LEAD (30 * 86400)

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

/* A key and its certificate, by their references. */
static bool is_issued(const json_t *issued)
{
    return keys_is_ref(word(issued, "key")) && objects_is_ref(word(issued, "certificate")) &&
           json_is_integer(json_object_get(issued, "not_after"));
}

static bool all_text(const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item) if (!json_is_string(item)) return false;
    return json_is_array(list);
}

bool authority_is_sound(const json_t *state)
{
    const json_t *server = json_object_get(state, "server");
    const json_t *admins = json_object_get(state, "administrators"), *admin;
    size_t i;

    if (!is_issued(json_object_get(state, "ca")) || !is_issued(server) ||
        !all_text(json_object_get(server, "names")) || !json_is_array(admins))
        return false;
    json_array_foreach(admins, i, admin)
    {
        if (!*word(admin, "name") || !*word(admin, "spki_sha256") ||
            !all_text(json_object_get(admin, "roles")) ||
            !objects_is_ref(word(admin, "certificate")) ||
            !json_is_integer(json_object_get(admin, "not_after")))
            return false;
    }
    return json_array_size(admins) <= AUTHORITY_ADMINS;
}

void authority_dates(const json_t *state, struct compiled *c)
{
    json_t *admin;
    size_t i;

    json_array_foreach(json_object_get(state, "administrators"), i, admin)
    {
        int64_t ends = json_integer_value(json_object_get(admin, "not_after"));

        compile_date(c, ends - ADMIN_LEAD, ends, "/management: certificate of administrator %s",
                     word(admin, "name"));
    }
}

/* Everybody whose certificate the CA issued and nobody has taken away since. */
static json_t *access_of(const json_t *state)
{
    json_t *list = json_array(), *admin;
    size_t i;

    json_array_foreach(json_object_get(state, "administrators"), i, admin)
        json_array_append_new(list, json_pack("{s:{s:O}, s:O}", "peer", "spki_sha256",
                                              json_object_get(admin, "spki_sha256"), "roles",
                                              json_object_get(admin, "roles")));
    return list;
}

/* The open token's way in: its CA among the anchors, and a rule for its one certificate. */
static int let_token_in(const json_t *state, json_t *anchors, json_t *access)
{
    unsigned char *der = NULL, *spki = NULL;
    struct token_identity id;
    char *pem, ref[KEYS_REF_MAX];
    struct token t;
    int n;

    if (token_parse(word(state, "token"), &t))
        return 0;
    if (token_identity(&t, &id))
        return -EIO;
    n = i2d_X509(id.ca, &der);
    pem = n > 0 ? pem_text("CERTIFICATE", der, (size_t)n) : NULL;
    n = pem ? i2d_PUBKEY(id.key, &spki) : -1;
    if (n > 0) {
        keys_ref(spki, (size_t)n, ref);
        json_array_append_new(anchors, json_string(pem));
        json_array_append_new(access, json_pack("{s:{s:s}, s:[s]}", "peer", "spki_sha256",
                                                ref + strlen("spki:"), "roles", "bootstrap"));
    }
    OPENSSL_free(spki);
    OPENSSL_free(der);
    free(pem);
    token_identity_fini(&id);
    secret_wipe(&t, sizeof t);
    return n > 0 ? 0 : -EIO;
}

/* A member of a table that the document may not have yet. */
static int put(json_t *document, const char *table, json_t *value, struct err *e)
{
    json_t *all = json_object_get(document, table);
    char where[64];

    if (!all) {
        json_object_set_new(document, table, json_object());
        all = json_object_get(document, table);
    }
    if (json_object_get(all, AUTHORITY_NAME) || !json_is_object(all)) {
        snprintf(where, sizeof where, "/%s/" AUTHORITY_NAME, table);
        json_decref(value);
        return err_set(e, -EINVAL, where, "choose another name",
                       "the name is the gateway's own, for its management link");
    }
    json_object_set_new(all, AUTHORITY_NAME, value);
    return 0;
}

/* Our own CA, and whom it let in. */
static int fill_trust(const json_t *state, json_t *filled, struct err *e)
{
    json_t *management = json_object_get(filled, MODEL_MANAGEMENT), *access = access_of(state);
    json_t *anchors = json_pack("[s]", word(json_object_get(state, "ca"), "certificate"));
    int rc = let_token_in(state, anchors, access);

    if (rc)
        err_set(e, rc, "/management", "report it", "the bootstrap certificate can not be made");
    else
        rc = put(filled, "trust", json_pack("{s:O, s:s}", "anchors", anchors, "revocation", "none"),
                 e);
    json_object_set_new(
        json_object_get(management, "listen"), "tls",
        json_pack("{s:s, s:s}", "identity", AUTHORITY_NAME, "trust", AUTHORITY_NAME));
    json_object_set_new(management, "access", access);
    json_decref(anchors);
    return rc;
}

json_t *authority_fill(const json_t *state, const json_t *document, struct err *e)
{
    json_t *filled = json_deep_copy(document);
    json_t *management = json_object_get(filled, MODEL_MANAGEMENT);
    const json_t *server = json_object_get(state, "server");
    json_t *tls = json_object_get(json_object_get(management, "listen"), "tls");
    int rc = put(filled, "identities",
                 json_pack("{s:s, s:s}", "certificate", word(server, "certificate"), "key",
                           word(server, "key")),
                 e);

    if (tls)
        json_object_set_new(tls, "identity", json_string(AUTHORITY_NAME));
    else if (!rc)
        rc = fill_trust(state, filled, e);
    if (!rc)
        return filled;
    json_decref(filled);
    return NULL;
}
