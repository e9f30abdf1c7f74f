#include "mgmt/authority.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "mgmt/api/document.h"
#include "mgmt/authority_issue.h"
#include "mgmt/manager.h"
#include "mgmt/model/names.h"
#include "mgmt/model/token.h"
#include "mgmt/store/file.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"

#define SETTING   "authority"
#define FILE_NAME "authority.json"
#define TOKEN     "bootstrap" /* for people */
#define SERVER    "server-spki-sha256"
#define FILE_MAX  (1024u * 1024)
#define SPENT_S                                                                                    \
    2 /* one at least, by the clock's seconds, for the answer to reach who enrolled, before his    \
         way in goes */
#define RETRY_S 60

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

bool authority_lets_in(const json_t *document)
{
    const json_t *management = json_object_get(document, MODEL_MANAGEMENT);
    const json_t *listen = json_object_get(management, "listen");

    return json_is_object(listen) && !json_object_get(listen, "tls") &&
           !json_object_get(management, "access");
}

bool authority_is_asked(const json_t *document)
{
    const json_t *listen = json_object_get(json_object_get(document, MODEL_MANAGEMENT), "listen");
    const json_t *tls = json_object_get(listen, "tls");

    return authority_lets_in(document) || (tls && !json_object_get(tls, "identity"));
}

/* ---- keeping ---- */

/* For whoever looks at the box: the token as long as it is open. */
static void show_token(const json_t *state)
{
    const char *token = word(state, "token");
    char text[512];

    if (!*token || json_is_true(json_object_get(state, "spent"))) {
        (void)unlink(TOKEN);
        return;
    }
    snprintf(text, sizeof text,
             "token %s\nserver-spki-sha256 %s\nuse penstockctl enroll https://HOST:PORT --token "
             "TOKEN --name NAME\n",
             token, word(json_object_get(state, "server"), "key") + strlen("spki:"));
    if (file_write(TOKEN, text, strlen(text)))
        log_event(LOG_ERROR, "bootstrap_not_shown", "error=\"the token can not be written\"");
    secret_wipe(text, sizeof text);
}

/* By which the server is known, token or not. */
static void show_server(const json_t *state)
{
    char text[80];

    snprintf(text, sizeof text, "%.64s\n",
             word(json_object_get(state, "server"), "key") + strlen("spki:"));
    if (file_write(SERVER, text, strlen(text)))
        log_event(LOG_ERROR, "server_not_shown", "error=\"its key can not be written\"");
}

static void save(struct manager *m)
{
    char *text = json_dumps(m->authority, JSON_INDENT(1) | JSON_SORT_KEYS);
    int rc = text ? file_write(FILE_NAME, text, strlen(text)) : -ENOMEM;

    if (!rc && m->store.db)
        rc = store_set(&m->store, SETTING, text); /* keeps its objects from being forgotten */
    if (rc)
        log_event(LOG_ERROR, "authority_not_kept", "error=\"%s\"", strerror(-rc));
    if (text)
        secret_wipe(text, strlen(text));
    free(text);
    show_token(m->authority);
    show_server(m->authority);
}

void authority_load(struct manager *m)
{
    uint8_t *text;
    size_t n;

    if (file_read(FILE_NAME, FILE_MAX, &text, &n))
        return;
    json_decref(m->authority);
    m->authority = json_loadb((const char *)text, n, 0, NULL);
    secret_wipe(text, n);
    free(text);
    if (!m->authority)
        log_event(LOG_ERROR, "authority_damaged",
                  "fix=\"remove %s: a new authority is made, and administrators enroll again\"",
                  FILE_NAME);
}

/* The log tells where the token is, and a terminal what it is: that is the console. */
static void tell_token(const struct manager *m, const json_t *state)
{
    const char *token = word(state, "token"), *before = word(m->authority, "token");
    const char *key = word(json_object_get(state, "server"), "key") + strlen("spki:");

    if (!*token || !strcmp(token, before) || json_is_true(json_object_get(state, "spent")))
        return;
    log_event(LOG_INFO, "bootstrap_open", "file=mgmt/" TOKEN " server_spki_sha256=%s", key);
    if (isatty(STDERR_FILENO))
        dprintf(STDERR_FILENO, "bootstrap token: %s\nserver SPKI SHA-256: %s\n", token, key);
}

void authority_adopt(struct manager *m, json_t *state)
{
    if (state == m->authority)
        return;
    tell_token(m, state);
    json_decref(m->authority);
    m->authority = json_incref(state);
    m->authority_at_s = 0;
    save(m);
}

/* ---- making what is missing ---- */

static json_t *issued_json(const struct issued *i)
{
    return json_pack("{s:s, s:s, s:I}", "key", i->key, "certificate", i->object, "not_after",
                     (json_int_t)i->not_after);
}

static void add_name(json_t *names, const char *name)
{
    json_t *had;
    size_t i;

    if (json_array_size(names) >= AUTHORITY_NAMES || name_host(name))
        return;
    json_array_foreach(names, i, had) if (!strcmp(json_string_value(had), name)) return;
    json_array_append_new(names, json_string(name));
}

static bool is_any(const struct addr *a)
{
    static const uint8_t zero[16];

    return a->sa.sa_family == AF_INET6 ? !memcmp(&a->in6.sin6_addr, zero, 16)
                                       : !memcmp(&a->in4.sin_addr, zero, 4);
}

/* An address on which it listens, if that is one that a client can name. */
static void add_address(json_t *names, const char *text)
{
    struct addr a;
    char ip[ADDR_TEXT_MAX];
    char *end;

    if (!text || addr_parse(&a, text) || is_any(&a))
        return;
    snprintf(ip, sizeof ip, "%s", text + (text[0] == '['));
    end = strrchr(ip, text[0] == '[' ? ']' : ':');
    if (end)
        *end = '\0';
    add_name(names, ip);
}

/* Under which names the server has to be known: what it listens on, and what it was reached as. */
static json_t *names_for(const json_t *state, const json_t *document)
{
    const json_t *listen = json_object_get(json_object_get(document, MODEL_MANAGEMENT), "listen");
    const json_t *address = json_object_get(listen, "address"), *item;
    json_t *names = json_array();
    char host[256] = "";
    size_t i;

    json_array_foreach(json_object_get(json_object_get(state, "server"), "names"), i, item)
        add_name(names, json_string_value(item));
    if (json_is_string(address))
        add_address(names, json_string_value(address));
    json_array_foreach(address, i, item) add_address(names, json_string_value(item));
    if (!gethostname(host, sizeof host - 1))
        add_name(names, host);
    return names;
}

/* The key stays: whoever knows the server by it knows it still. */
static int renew_server(struct manager *m, json_t *state, json_t *names, struct err *e)
{
    struct issued i = {.key = ""};
    json_t *server;
    int rc;

    snprintf(i.key, sizeof i.key, "%s", word(json_object_get(state, "server"), "key"));
    rc = issue_server(m, json_object_get(state, "ca"), names, &i, e);
    if (rc)
        return rc;
    server = issued_json(&i);
    free(i.pem);
    json_object_set(server, "names", names);
    return json_object_set_new(state, "server", server);
}

static bool due(const json_t *issued, int64_t now)
{
    int64_t ends = json_integer_value(json_object_get(issued, "not_after"));

    return now >= ends - (int64_t)AUTHORITY_LIFE_DAYS * 86400 / 3;
}

static int new_token(json_t *state, struct err *e)
{
    const char *key = word(json_object_get(state, "server"), "key") + strlen("spki:");
    struct token t;
    char text[TOKEN_TEXT];

    if (RAND_bytes(t.seed, sizeof t.seed) != 1)
        return err_set(e, -EIO, "/management", "see the kernel's log", "there is no randomness");
    for (size_t i = 0; i < TOKEN_PIN; i++) {
        unsigned byte = 0;

        (void)sscanf(key + 2 * i, "%2x", &byte);
        t.pin[i] = (uint8_t)byte;
    }
    token_text(&t, text);
    json_object_set_new(state, "token", json_string(text));
    json_object_set_new(state, "spent", json_false());
    secret_wipe(text, sizeof text);
    secret_wipe(&t, sizeof t);
    return 0;
}

static int make_authority(struct manager *m, json_t *state, struct err *e)
{
    struct issued i = {.key = ""};
    int rc = issue_authority(m, &i, e);

    if (rc)
        return rc;
    json_object_set_new(state, "ca", issued_json(&i));
    json_object_set_new(state, "administrators", json_array());
    free(i.pem);
    log_event(LOG_INFO, "management_ca_made", "key=%s", i.key);
    return 0;
}

/* Administrators are in the document: no token opens anything, now or as a new appliance. */
static json_t *without_token(json_t *state)
{
    json_t *own = json_deep_copy(state);

    json_object_set_new(own, "token", json_null());
    json_object_set_new(own, "owned", json_true());
    json_decref(state);
    return own;
}

/* Nobody can come in: the first administrator needs a token. */
static bool wants_token(const json_t *state)
{
    return !json_array_size(json_object_get(state, "administrators")) &&
           !json_is_string(json_object_get(state, "token"));
}

json_t *authority_state(struct manager *m, const json_t *base, const json_t *document,
                        struct err *e)
{
    bool keep = !base || base == m->authority;
    json_t *state = base           ? json_deep_copy(base)
                    : m->authority ? json_deep_copy(m->authority)
                                   : json_object();
    json_t *server, *names;
    int rc = 0;

    if (json_is_true(json_object_get(m->authority, "owned"))) /* whatever a backup says */
        json_object_set_new(state, "owned", json_true());
    if (!json_object_get(state, "ca"))
        rc = make_authority(m, state, e);
    server = json_object_get(state, "server");
    names = names_for(state, document);
    if (!rc &&
        (!json_equal(names, json_object_get(server, "names")) || due(server, clock_wall_s())))
        rc = renew_server(m, state, names, e);
    json_decref(names);
    if (!rc && keep && !json_equal(state, m->authority)) {
        authority_adopt(m, state);
        json_decref(state);
        state = json_deep_copy(m->authority);
    }
    if (!rc && authority_lets_in(document) && wants_token(state))
        rc = new_token(state, e);
    if (rc) {
        json_decref(state);
        return NULL;
    }
    return authority_lets_in(document) ? state : without_token(state);
}

/* ---- changes ---- */

static json_t *find(const json_t *state, const char *name, size_t *at)
{
    json_t *admin;
    size_t i;

    json_array_foreach(json_object_get(state, "administrators"), i, admin)
    {
        *at = i;
        if (!strcmp(word(admin, "name"), name))
            return admin;
    }
    return NULL;
}

static int add_admin(json_t *state, const char *name, const json_t *roles, const struct issued *i,
                     struct err *e)
{
    json_t *all = json_object_get(state, "administrators"), *row;
    size_t at;

    if (json_array_size(all) >= AUTHORITY_ADMINS)
        return err_set(e, -EINVAL, "/name", "remove who is no administrator any more",
                       "there are %d administrators", AUTHORITY_ADMINS);
    row = json_pack("{s:s, s:O, s:s, s:s, s:I}", "name", name, "roles", roles, "spki_sha256",
                    i->key + strlen("spki:"), "certificate", i->object, "not_after",
                    (json_int_t)i->not_after);
    json_object_set_new(state, "owned", json_true()); /* from now on, whoever goes */
    return find(state, name, &at) ? json_array_set_new(all, at, row)
                                  : json_array_append_new(all, row);
}

/* The server's certificate gets a name more, if it lacks it. */
static int know_as(struct manager *m, json_t *state, const char *name, struct err *e)
{
    json_t *server = json_object_get(state, "server"), *had = json_object_get(server, "names");
    json_t *names = json_deep_copy(had);
    int rc = 0;

    if (name_host(name))
        rc = err_set(e, -EINVAL, "/reached_as", "give the host of the URL",
                     "is no host name or address");
    add_name(names, name);
    if (!rc && !json_equal(names, had))
        rc = renew_server(m, state, names, e);
    json_decref(names);
    return rc;
}

json_t *authority_enroll(struct manager *m, const char *name, const json_t *roles, const char *csr,
                         const char *reached_as, char **pem, struct err *e)
{
    json_t *state = json_deep_copy(m->authority);
    struct issued i = {.key = ""};
    int rc = issue_client(m, json_object_get(state, "ca"), name, csr, &i, e);

    if (!rc)
        rc = add_admin(state, name, roles, &i, e);
    if (!rc && reached_as)
        rc = know_as(m, state, reached_as, e);
    if (!rc) {
        *pem = i.pem;
        return state;
    }
    free(i.pem);
    json_decref(state);
    return NULL;
}

json_t *authority_remove(struct manager *m, const char *name, struct err *e)
{
    json_t *state = json_deep_copy(m->authority);
    size_t at;

    if (find(state, name, &at)) {
        json_array_remove(json_object_get(state, "administrators"), at);
        return state;
    }
    err_set(e, -ENOENT, "/", "see the list", "there is no administrator \"%s\"", name);
    json_decref(state);
    return NULL;
}

json_t *authority_open(struct manager *m, bool open, struct err *e)
{
    json_t *state = json_deep_copy(m->authority);

    if (!open) {
        json_object_set_new(state, "token", json_null());
        return state;
    }
    if (!new_token(state, e))
        return state;
    json_decref(state);
    return NULL;
}

void authority_spend(json_t *state)
{
    json_object_set_new(state, "spent", json_true());
}

char *authority_ca_pem(const struct manager *m)
{
    uint8_t *pem;
    size_t n;

    if (objects_get(word(json_object_get(m->authority, "ca"), "certificate"), FILE_MAX, &pem, &n))
        return NULL;
    return (char *)pem;
}

const char *authority_fingerprint(const struct manager *m)
{
    const char *key = word(json_object_get(m->authority, "server"), "key");

    return *key ? key + strlen("spki:") : "";
}

/* ---- in its time ---- */

static void propose(struct manager *m, json_t *state, const char *action, int64_t now_s)
{
    const struct coming_wish w = {.actor = "penstock", .action = action, .authority = state};
    struct err e;
    char text[1100], quoted[1400];

    m->authority_at_s = now_s + RETRY_S;
    if (!coming_propose(m, m->document, &w, &e))
        return;
    err_text(&e, text, sizeof text);
    log_event(LOG_ERROR, "authority_failed", "action=%s error=%s", action,
              log_quote(quoted, sizeof quoted, text, strlen(text)));
}

void authority_tick(struct manager *m, int64_t now_s)
{
    json_t *state = NULL;
    struct err e;

    if (!m->authority || !m->revision || m->coming.busy || now_s < m->authority_at_s ||
        !authority_is_asked(m->document))
        return;
    if (json_is_true(json_object_get(m->authority, "spent")) &&
        json_is_string(json_object_get(m->authority, "token"))) {
        if (!m->authority_at_s) {
            m->authority_at_s = now_s + SPENT_S;
            return;
        }
        state = authority_open(m, false, &e);
        propose(m, state, "bootstrap.closed", now_s);
    } else if (due(json_object_get(m->authority, "server"), now_s)) {
        state = json_incref(m->authority); /* renewed on the way (authority_state()) */
        propose(m, state, "authority.renew", now_s);
    } else {
        m->authority_at_s = 0;
    }
    json_decref(state);
}
