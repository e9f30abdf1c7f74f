/* authority: is the management link's trust filled in as it is kept, and only where it is asked
 * for? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/authority.h"
#include "mgmt/model/model.h"
#include "mgmt/model/roles.h"
#include "tests/unit/test.h"

#define HASH  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TOKEN "aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaa"

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);

    EXPECT(v != NULL);
    return v;
}

static json_t *asking(void)
{
    return parse("{\"management\": {\"listen\": {\"address\": [\"127.0.0.1:9443\"]}}}");
}

static json_t *state(const char *admins, const char *token)
{
    char text[2048];

    snprintf(text, sizeof text,
             "{\"ca\": {\"key\": \"spki:" HASH "\", \"certificate\": \"sha256:" HASH "\"},"
             "\"server\": {\"key\": \"spki:" HASH "\", \"certificate\": \"sha256:" HASH "\","
             "\"names\": []}, \"administrators\": %s, \"token\": %s}",
             admins, token);
    return parse(text);
}

/* The filled document as the model sees it. */
static int model_of(const char *admins, const char *token, struct model *m, struct err *e)
{
    json_t *kept = state(admins, token), *document = asking();
    json_t *filled = authority_fill(kept, document, e);
    int rc = filled ? model_filled(m, filled, e) : -EINVAL;

    if (!rc)
        rc = model_validate(m, e);
    json_decref(kept);
    json_decref(document);
    return rc;
}

TEST("a server certificate is made where tls names no identity, a trust only where there is "
     "neither tls nor access")
{
    static const struct {
        const char *text;
        bool asked, lets_in;
    } rows[] = {
        {"{}", false, false},
        {"{\"management\": {\"listen\": {\"address\": [\"127.0.0.1:1\"]}}}", true, true},
        {"{\"management\": {\"listen\": {\"tls\": {}}}}", true, false},
        {"{\"management\": {\"listen\": {\"tls\": {\"identity\": \"gw\"}}}}", false, false},
        {"{\"management\": {\"listen\": {}, \"access\": []}}", false, false},
        {"{\"management\": 7}", false, false},
        {"{\"management\": {\"listen\": 7}}", false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *document = parse(rows[i].text);

        EXPECT(authority_is_asked(document) == rows[i].asked);
        EXPECT(authority_lets_in(document) == rows[i].lets_in);
        json_decref(document);
    }
}

TEST("each administrator has a rule with his roles, in their order; a token has one more, with one "
     "role")
{
    struct model m;
    struct err e;

    EXPECT(!model_of("[{\"name\": \"a\", \"spki_sha256\": \"" HASH "\", \"roles\": [\"viewer\"]},"
                     " {\"name\": \"b\", \"spki_sha256\": \"" HASH "\", \"roles\": [\"admin\"]}]",
                     "\"" TOKEN "\"", &m, &e));
    EXPECT(m.n_links == 1 && m.links[0].listen.n_rules == 3);
    EXPECT(m.roles[0] == ROLE_VIEWER && m.roles[1] == ROLE_ADMIN && m.roles[2] == ROLE_BOOTSTRAP);
    EXPECT(m.n_trusts == 1 && m.trusts[0].anchors.n == 2 && !m.trusts[0].revocation);
    model_fini(&m);
    EXPECT(!model_of("[{\"name\": \"a\", \"spki_sha256\": \"" HASH "\", \"roles\": [\"admin\"]}]",
                     "null", &m, &e));
    EXPECT(m.links[0].listen.n_rules == 1 && m.trusts[0].anchors.n == 1);
    model_fini(&m);
}

TEST("the gateway's own names are not to be taken, and the document itself stays as it was")
{
    json_t *kept = state("[]", "\"" TOKEN "\""), *document = asking(), *before;
    struct err e;

    before = json_deep_copy(document);
    json_decref(authority_fill(kept, document, &e));
    EXPECT(json_equal(before, document));
    json_object_set_new(document, "identities", json_pack("{s:{}}", AUTHORITY_NAME));
    EXPECT(!authority_fill(kept, document, &e));
    EXPECT(!strcmp(e.where, "/identities/" AUTHORITY_NAME));
    json_decref(before);
    json_decref(document);
    json_decref(kept);
}

TEST("no configuration gives the role of a token, or that of the box")
{
    static const char *const roles[] = {"bootstrap", "local"};

    for (int i = 0; i < 2; i++) {
        struct model m;
        char text[1024];
        struct err e;

        snprintf(text, sizeof text,
                 "{\"management\": {\"listen\": {\"address\": [\"127.0.0.1:1\"], \"tls\": "
                 "{\"identity\": \"x\", \"trust\": \"x\"}}, \"access\": [{\"peer\": {\"dns\": "
                 "\"a.test\"}, \"roles\": [\"%s\"]}]}}",
                 roles[i]);
        EXPECT(model_parse(&m, text, strlen(text), &e) == -EINVAL);
        EXPECT(!strcmp(e.where, "/management/access/0/roles"));
    }
}

int main(void)
{
    return test_run();
}
