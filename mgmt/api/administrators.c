/* administrators: who may manage a gateway that keeps its own management CA. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/secret.h"
#include "mgmt/api/handlers.h"
#include "mgmt/authority.h"
#include "mgmt/manager.h"

/* One change of the list that is under way. */
struct enrolling {
    struct call *call;
    json_t *answer; /* when it runs */
    unsigned status;
};

static bool asked(struct call *c)
{
    if (c->m->authority && authority_lets_in(c->m->document))
        return true;
    call_problem(c, 409, "Conflict",
                 "the management link has a trust of its own: administrators are in "
                 "/management/access of the configuration");
    return false;
}

static void on_done(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct enrolling *p = arg;
    struct call *c = p->call;

    if (rc) {
        call_refuse(c, rc, e);
        json_decref(p->answer);
    } else {
        c->revision = revision;
        call_answer(c, p->status, p->answer);
    }
    free(p);
    call_done(c);
}

/* Have the state (taken) become the running revision's; then the answer (taken) is given. */
static void begin(struct call *c, json_t *state, const char *action, const char *object,
                  unsigned status, json_t *answer)
{
    struct enrolling *p = calloc(1, sizeof *p);
    struct coming_wish w = {.actor = c->who.name,
                            .action = action,
                            .comment = object,
                            .done = on_done,
                            .arg = p,
                            .authority = state};
    struct err e;
    int rc = -ENOMEM;

    if (p) {
        *p = (struct enrolling){c, answer, status};
        c->waits = true;
        rc = coming_propose(c->m, c->m->document, &w, &e);
    } else {
        err_set(&e, rc, "/", "free memory", "out of memory");
    }
    if (rc) {
        c->waits = false;
        call_refuse(c, rc, &e);
        json_decref(answer);
        free(p);
    }
    json_decref(state);
}

/* ---- enrolling ---- */

static json_t *roles_of(const json_t *body, struct err *e)
{
    json_t *roles = json_object_get(body, "roles"), *role;
    size_t i;

    if (!roles)
        return json_pack("[s]", "admin");
    json_array_foreach(roles, i, role)
    {
        unsigned known = json_is_string(role) ? role_of(json_string_value(role)) : 0;

        if (!(known & (ROLE_ANYBODY | ROLE_PARTNER)))
            break;
    }
    if (json_array_size(roles) && i == json_array_size(roles))
        return json_incref(roles);
    err_set(e, -EINVAL, "/roles", "give viewer, operator, pki-admin, admin, auditor or partner",
            "is no list of roles");
    return NULL;
}

static bool good_name(const char *name)
{
    size_t n = name ? strlen(name) : 0;

    return n && n <= 63 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-") == n;
}

static const char *text_of(const struct call *c, const char *key)
{
    return json_string_value(json_object_get(c->json, key));
}

/* NULL: there is none of this name. */
static json_t *find(const struct call *c, const char *name)
{
    json_t *admin;
    size_t i;

    json_array_foreach(json_object_get(c->m->authority, "administrators"), i, admin)
    {
        if (!strcmp(json_string_value(json_object_get(admin, "name")), name))
            return admin;
    }
    return NULL;
}

/* The one that the path names, under the tag that was read. NULL: answered. */
static json_t *to_change(struct call *c)
{
    json_t *admin = find(c, c->name);

    if (!admin)
        call_problem(c, 404, "Not Found", "there is no administrator \"%s\"", c->name);
    else if (call_may_change(c, true, admin))
        return admin;
    return NULL;
}

/* The certificate, and what else a client needs. */
static json_t *enrolled(const struct call *c, const char *name, const json_t *roles, char *pem)
{
    char *ca = authority_ca_pem(c->m);
    json_t *out = json_pack("{s:s, s:O, s:s, s:s}", "name", name, "roles", roles, "certificate",
                            pem, "ca", ca ? ca : "");

    free(ca);
    free(pem);
    return out;
}

/* Issue for the request of the body. NULL: answered. */
static json_t *issue(struct call *c, const json_t *roles, json_t **answer)
{
    const char *name = text_of(c, "name"), *csr = text_of(c, "csr");
    char *pem = NULL;
    json_t *state;
    struct err e;

    if (!good_name(name))
        err_set(&e, -EINVAL, "/name", "use 1 to 63 of A-Z a-z 0-9 . _ @ -",
                "is no name for an administrator");
    else if (!csr)
        err_set(&e, -EINVAL, "/csr", "make one with openssl req -new", "is missing");
    else if ((state = authority_enroll(c->m, name, roles, csr, text_of(c, "reached_as"), &pem,
                                       &e))) {
        *answer = enrolled(c, name, roles, pem);
        return state;
    }
    call_refuse(c, -EINVAL, &e);
    return NULL;
}

void administrators_enroll(struct call *c)
{
    json_t *state, *roles, *answer;

    if (!asked(c) || !call_object(c))
        return;
    if (!json_is_string(json_object_get(c->m->authority, "token")) ||
        json_is_true(json_object_get(c->m->authority, "spent"))) {
        call_problem(c, 409, "Conflict", "the token was used: it works once");
        return;
    }
    roles = json_pack("[s]", "admin");
    state = issue(c, roles, &answer);
    json_decref(roles);
    if (!state)
        return;
    authority_spend(state); /* its rule stays until the answer is out (authority_tick()) */
    begin(c, state, "bootstrap.enroll", text_of(c, "name"), 201, answer);
}

void administrators_add(struct call *c)
{
    json_t *state, *roles, *answer;
    const char *name;
    struct err e;

    if (!asked(c) || !call_object(c))
        return;
    name = text_of(c, "name");
    if (name && find(c, name)) {
        call_problem(c, 409, "Conflict", "there is an administrator \"%s\": remove that one first",
                     name);
        return;
    }
    roles = roles_of(c->json, &e);
    if (!roles) {
        call_refuse(c, -EINVAL, &e);
        return;
    }
    state = issue(c, roles, &answer);
    json_decref(roles);
    if (state)
        begin(c, state, "administrators.add", name, 201, answer);
}

/* A new certificate in the place of one that ends, with the roles that he has. */
void administrators_renew(struct call *c)
{
    json_t *admin = asked(c) ? to_change(c) : NULL, *state, *answer;

    if (!admin || !call_object(c))
        return;
    json_object_set_new(c->json, "name", json_string(c->name));
    state = issue(c, json_object_get(admin, "roles"), &answer);
    if (state)
        begin(c, state, "administrators.renew", c->name, 200, answer);
}

void administrators_remove(struct call *c)
{
    json_t *state;
    struct err e;

    if (!asked(c) || !to_change(c))
        return;
    state = authority_remove(c->m, c->name, &e);
    if (state)
        begin(c, state, "administrators.remove", c->name, 204, NULL);
    else
        call_problem(c, 404, "Not Found", "%s", e.what);
}

void administrators_get(struct call *c)
{
    json_t *admin = asked(c) ? find(c, c->name) : NULL;

    if (admin) {
        document_tag(admin, c->tag);
        call_answer(c, 200, json_deep_copy(admin));
    } else if (!c->answered) {
        call_problem(c, 404, "Not Found", "there is no administrator \"%s\"", c->name);
    }
}

void administrators_list(struct call *c)
{
    if (asked(c))
        call_answer(c, 200,
                    json_pack("{s:O, s:s, s:b}", "items",
                              json_object_get(c->m->authority, "administrators"),
                              "server_spki_sha256", authority_fingerprint(c->m), "bootstrap_open",
                              json_is_string(json_object_get(c->m->authority, "token"))));
}

/* ---- the token, for whoever is on the box ---- */

static json_t *token_json(const json_t *state)
{
    const json_t *token = json_object_get(state, "token");
    bool open = json_is_string(token) && !json_is_true(json_object_get(state, "spent"));
    const char *key = json_string_value(json_object_get(json_object_get(state, "server"), "key"));

    return json_pack("{s:b, s:O?, s:s}", "open", open, "token", open ? token : NULL,
                     "server_spki_sha256", key ? key + strlen("spki:") : "");
}

void bootstrap_get(struct call *c)
{
    if (asked(c))
        call_answer(c, 200, token_json(c->m->authority));
}

/* A new token beside the administrators that there are: for one who has lost his key. */
void bootstrap_open(struct call *c)
{
    json_t *state;
    struct err e;

    if (!asked(c))
        return;
    state = authority_open(c->m, true, &e);
    if (state)
        begin(c, state, "bootstrap.open", "", 201, token_json(state));
    else
        call_refuse(c, -EIO, &e);
}

void bootstrap_close(struct call *c)
{
    json_t *state;
    struct err e;

    if (!asked(c))
        return;
    if (!json_array_size(json_object_get(c->m->authority, "administrators"))) {
        call_problem(c, 409, "Conflict", "there is no administrator yet: nobody could come in");
        return;
    }
    state = authority_open(c->m, false, &e);
    begin(c, state, "bootstrap.close", "", 204, NULL);
}
