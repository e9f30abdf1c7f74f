/* command_keys: private keys that the gateway holds, and what renews itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/secret.h"
#include "mgmt/ctl/command_parts.h"

#define FILE_ROOM (1024 * 1024)

int command_make_key(const struct options *o, const struct command *c)
{
    json_t *body = json_pack("{s:s}", "kind", o->args[0]);
    struct http_ask q = {.method = "POST", .path = "/api/v1/keys", .body = body};
    int rc = command_finish(o, c, &q);

    json_decref(body);
    return rc;
}

int command_import_key(const struct options *o, const struct command *c)
{
    char passphrase[COMMAND_PASSPHRASE_ROOM] = "";
    struct http_ask q = {.method = "POST", .path = "/api/v1/keys"};
    char *file = command_read_file(o->args[0], FILE_ROOM, &q.n_raw);
    size_t n = q.n_raw;
    int rc = 2;

    if (file && (!o->passphrase || command_passphrase(o, false, false, passphrase))) {
        q.raw = file;
        q.type = "application/octet-stream";
        q.passphrase = o->passphrase ? passphrase : NULL;
        rc = command_finish(o, c, &q);
    }
    if (file)
        secret_wipe(file, n);
    secret_wipe(passphrase, sizeof passphrase);
    free(file);
    return rc;
}

/* "CN=x" or "dns:x" -> one more value under its word. False: it is neither. */
static bool add_name(json_t *object, const char *item, char between)
{
    const char *at = strchr(item, between);
    char word[32];
    json_t *list;

    if (!at || at == item || (size_t)(at - item) >= sizeof word || !at[1])
        return false;
    snprintf(word, sizeof word, "%.*s", (int)(at - item), item);
    list = json_object_get(object, word);
    if (!list) {
        list = json_array();
        json_object_set_new(object, word, list);
    }
    return !json_array_append_new(list, json_string(at + 1));
}

/* A list with commas; "\," is a comma in a value. NULL: said why. */
static json_t *names(const char *text, char between, const char *option)
{
    json_t *object = json_object();
    char item[1024];
    bool good = true;

    while (text && *text && good) {
        size_t n = 0;

        for (; *text && *text != ',' && n + 1 < sizeof item; text++) {
            if (text[0] == '\\' && text[1])
                text++;
            item[n++] = *text;
        }
        item[n] = '\0';
        good = (!*text || *text == ',') && add_name(object, item, between);
        text += *text == ',';
    }
    if (good)
        return object;
    fprintf(stderr, "penstockctl: %s takes names as in %s\n", option,
            between == '=' ? "O=Bank,CN=gw" : "dns:gw.example,uri:spiffe://bank/gw,ip:192.0.2.1");
    json_decref(object);
    return NULL;
}

int command_csr(const struct options *o, const struct command *c)
{
    json_t *subject = names(o->subject, '=', "--subject"), *sans = names(o->san, ':', "--san");
    json_t *body = subject && sans ? json_pack("{s:O, s:O}", "subject", subject, "sans", sans)
                                   : NULL;
    char path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "POST", .path = path, .body = body};
    struct http_answer a;
    int rc = 2;

    snprintf(path, sizeof path, "/api/v1/keys/%.128s/csr", o->args[0]);
    if (body && o->json)
        rc = command_finish(o, c, &q);
    else if (body && !(rc = command_ask(o, &q, &a))) {
        fputs(json_string_value(json_object_get(a.json, "csr")), stdout);
        http_free(&a);
    }
    json_decref(body);
    json_decref(sans);
    json_decref(subject);
    return rc;
}

/*
 * An identity that is there keeps the rest of it (how it renews itself); its key is found by the
 * new certificate, unless it lives in a token. 0 with *there, or the exit code.
 */
static int look_at(const struct options *o, const char *path, json_t *body, bool *there)
{
    struct http_ask q = {.method = "GET", .path = path};
    struct http_answer a;
    const char *key;

    if (http_request(&o->gateway, &q, &a)) {
        http_free(&a);
        return command_ask(o, &q, &a); /* says why */
    }
    *there = a.status == 200;
    key = json_string_value(json_object_get(a.json, "key"));
    if (*there && key && strncmp(key, "pkcs11:", 7) != 0)
        json_object_set_new(body, "key", json_null());
    http_free(&a);
    return 0;
}

int command_install(const struct options *o, const struct command *c)
{
    char read[COMMAND_PATH_ROOM / 2], path[COMMAND_PATH_ROOM];
    size_t n;
    char *pem = command_read_file(o->args[1], COMMAND_PEM_ROOM, &n);
    json_t *body = pem ? json_pack("{s:s%}", "certificate", pem, n) : NULL;
    struct http_ask q = {.path = path, .body = body};
    bool there = false;
    int rc = 2;

    snprintf(read, sizeof read, "/api/v1/identities/%.128s", o->args[0]);
    snprintf(path, sizeof path, "%s", read);
    command_trial(o, path);
    if (body && !(rc = look_at(o, read, body, &there))) {
        q.method = there ? "PATCH" : "PUT";
        rc = command_change(o, c, read, &q);
    }
    if (pem && !body)
        fprintf(stderr, "penstockctl: %s: is no PEM text\n", o->args[1]);
    json_decref(body);
    free(pem);
    return rc;
}

int command_remove_key(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "DELETE", .path = path};

    snprintf(path, sizeof path, "/api/v1/keys/%.128s", o->args[0]);
    return command_change(o, c, path, &q);
}

static int post(const struct options *o, const struct command *c, const char *table,
                const char *verb)
{
    char path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "POST", .path = path};

    snprintf(path, sizeof path, "/api/v1/%s/%.128s/%s", table, o->args[0], verb);
    return command_finish(o, c, &q);
}

int command_fetch(const struct options *o, const struct command *c)
{
    return post(o, c, "trust", "fetch");
}

int command_renew(const struct options *o, const struct command *c)
{
    return post(o, c, "identities", "renew");
}
