/* keyring: private keys that the gateway holds: made, imported, asked certificates for, removed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/secret.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/names_in.h"
#include "mgmt/api/passphrase.h"
#include "mgmt/manager.h"
#include "mgmt/store/pem.h"
#include "mgmt/store/audit.h"
#include "mgmt/store/keys.h"

/* The reference that a request's name stands for: with or without "spki:". */
static void ref_of(const struct call *c, char ref[KEYS_REF_MAX])
{
    if (strchr(c->name, ':'))
        snprintf(ref, KEYS_REF_MAX, "%.71s", c->name);
    else
        snprintf(ref, KEYS_REF_MAX, "spki:%.64s", c->name);
}

/* The identities of the running configuration that use it. */
static json_t *users_of(const struct call *c, const char *ref)
{
    json_t *ids = json_object_get(c->m->document, "identities"), *id, *list = json_array();
    const char *name, *key;

    json_object_foreach(ids, name, id)
    {
        key = json_string_value(json_object_get(id, "key"));
        if (key && !strcmp(key, ref))
            json_array_append_new(list, json_string(name));
    }
    return list;
}

static json_t *described(const struct call *c, const char *ref)
{
    json_t *row = keys_describe(ref);

    if (row)
        json_object_set_new(row, "used_by", users_of(c, ref));
    return row;
}

void keyring_list(struct call *c)
{
    json_t *items = keys_list(), *row;
    size_t i;

    if (!items) {
        call_problem(c, 503, "Service Unavailable", "the keys can not be listed");
        return;
    }
    json_array_foreach(items, i, row)
    {
        const char *ref = json_string_value(json_object_get(row, "id"));

        json_object_set_new(row, "used_by", users_of(c, ref));
    }
    call_answer(c, 200, json_pack("{s:o}", "items", items));
}

void keyring_get(struct call *c)
{
    char ref[KEYS_REF_MAX];
    json_t *row;

    ref_of(c, ref);
    row = described(c, ref);
    if (!row) {
        call_problem(c, 404, "Not Found", "no key of this name is held here");
        return;
    }
    document_tag(row, c->tag);
    call_answer(c, 200, row);
}

/* ---- making and importing ---- */

/* What was asked for, and by whom, while the keyring works. */
struct wanted {
    struct call *call;
    const char *action, *origin;
};

static int note(struct call *c, const char *action, const char *ref, struct err *e)
{
    const struct audit_row row = {
        .actor = c->who.name, .action = action, .object = ref, .result = "done"};

    return audit_add(&c->m->store, &row, e);
}

static json_t *certs_json(const struct vault_answer *a)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < a->n_ders; i++) {
        char *pem = pem_text("CERTIFICATE", a->ders[i].p, a->ders[i].n);

        json_array_append_new(list, json_string(pem ? pem : ""));
        free(pem);
    }
    return list;
}

static void keep(const struct wanted *w, const struct vault_answer *a)
{
    struct call *c = w->call;
    struct keys_row row = {.wrapped = a->key.p,
                           .n_wrapped = a->key.n,
                           .spki = a->spki.p,
                           .n_spki = a->spki.n,
                           .origin = w->origin};
    char ref[KEYS_REF_MAX], kind[64];
    struct err e;
    json_t *out;
    int rc;

    keys_ref(a->spki.p, a->spki.n, ref);
    keys_kind(a->spki.p, a->spki.n, kind);
    row.kind = kind;
    rc = note(c, w->action, ref, &e);
    if (!rc && (rc = keys_put(&row)))
        err_set(&e, rc, "/", "free disk space", "the key can not be kept (%s)", strerror(-rc));
    out = rc ? NULL : described(c, ref);
    if (!out) {
        call_refuse(c, rc ? rc : -ENOMEM, &e);
        return;
    }
    document_tag(out, c->tag);
    if (a->n_ders)
        json_object_set_new(out, "certificates", certs_json(a));
    call_answer(c, 201, out);
}

static void on_key(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct wanted *w = arg;
    struct call *c = w->call;

    if (rc)
        call_refuse(c, rc == -EACCES || rc == -EIO ? -EINVAL : rc, e);
    else
        keep(w, a);
    free(w);
    call_done(c);
}

/* Ask the vault; the call waits for it. */
static void ask(struct call *c, uint8_t type, const struct buf *body, int fd, vaultline_done *done,
                struct wanted *w)
{
    struct err e;
    int rc = -ENOMEM;

    if (w) {
        w->call = c;
        c->waits = true;
        rc = vaultline_ask(c->m, type, body, fd, done, w, &e);
    } else {
        err_set(&e, rc, "/", "free memory", "out of memory");
    }
    if (!rc)
        return;
    c->waits = false;
    free(w);
    call_refuse(c, rc, &e);
}

static struct wanted *wanted(const char *action, const char *origin)
{
    struct wanted *w = calloc(1, sizeof *w);

    if (w)
        *w = (struct wanted){.action = action, .origin = origin};
    return w;
}

static void make_key(struct call *c)
{
    struct vault_make m = {0};
    const char *kind;
    uint8_t mem[16];
    struct buf b;
    int found;

    if (!call_object(c))
        return;
    kind = json_string_value(json_object_get(c->json, "kind"));
    found = kind ? vault_find(vault_kinds, VAULT_KINDS, kind) : -ENOENT;
    if (found < 0 || json_object_size(c->json) != 1) {
        struct err e;

        call_refuse(c,
                    err_set(&e, -EINVAL, "/kind",
                            "give {\"kind\": \"ec-p256\"}: ec-p256, ec-p384, rsa-2048, rsa-3072, "
                            "rsa-4096, ed25519, ml-dsa-44, ml-dsa-65 or ml-dsa-87; or the file of "
                            "a key to import, as it is",
                            "is no kind of key that can be made"),
                    &e);
        return;
    }
    m.kind = (uint8_t)found;
    buf_init(&b, mem, sizeof mem);
    vault_put_make(&b, &m);
    ask(c, VAULT_MAKE, &b, -1, on_key, wanted("keys.make", "made"));
}

/* The file goes to the keyring unread. */
static void import_key(struct call *c)
{
    uint8_t passphrase[PASSPHRASE_ROOM], mem[VAULT_PASSPHRASE_MAX + 64];
    int n = passphrase_read(c, passphrase), fd;
    struct vault_import m = {.passphrase = {passphrase, n > 0 ? (size_t)n : 0}};
    struct buf b;

    if (n < 0)
        return;
    fd = memfd_seal("penstock-import", c->body, c->n_body);
    secret_wipe(c->body, c->n_body);
    buf_init(&b, mem, sizeof mem);
    vault_put_import(&b, &m);
    if (fd < 0)
        call_problem(c, 503, "Service Unavailable", "out of memory");
    else
        ask(c, VAULT_IMPORT, &b, fd, on_key, wanted("keys.import", "imported"));
    secret_wipe(passphrase, sizeof passphrase);
    secret_wipe(mem, sizeof mem);
    if (fd >= 0)
        close(fd);
}

void keyring_post(struct call *c)
{
    const char *type = call_header(c, "Content-Type");

    if (!c->n_body)
        call_problem(c, 400, "Bad Request",
                     "give {\"kind\": \"ec-p256\"} to make a key, or a PEM or PKCS#12 file to "
                     "import one");
    else if (c->body[0] == '{' || (type && !strncmp(type, "application/json", 16)))
        make_key(c);
    else
        import_key(c);
}

/* ---- requests for certificates ---- */

static void on_csr(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct wanted *w = arg;
    struct call *c = w->call;
    char ref[KEYS_REF_MAX], *pem = NULL;
    struct err why;

    ref_of(c, ref);
    if (!rc)
        rc = note(c, w->action, ref, &why);
    else
        why = *e;
    if (!rc)
        pem = pem_text("CERTIFICATE REQUEST", a->ders[0].p, a->ders[0].n);
    if (rc)
        call_refuse(c, rc, &why);
    else
        call_answer(c, 200, json_pack("{s:s, s:s}", "key", ref, "csr", pem ? pem : ""));
    free(pem);
    free(w);
    call_done(c);
}

void keyring_csr(struct call *c)
{
    struct vault_csr m = {0};
    char ref[KEYS_REF_MAX];
    uint8_t *wrapped, *mem;
    struct err e;
    struct buf b;
    int rc;

    ref_of(c, ref);
    rc = keys_get(ref, &wrapped, &m.key.n);
    if (rc) {
        call_problem(c, 404, "Not Found", "no key of this name is held here");
        return;
    }
    m.key.p = wrapped;
    mem = malloc(CHAN_BODY_MAX);
    if (call_object(c) && mem) {
        rc = names_in(c->json, &m.names, &e);
        buf_init(&b, mem, CHAN_BODY_MAX);
        vault_put_csr(&b, &m);
        if (!rc && !buf_ok(&b))
            rc = err_set(&e, -EINVAL, "/", "give fewer or shorter names", "the names are too long");
        if (rc)
            call_refuse(c, rc, &e);
        else
            ask(c, VAULT_CSR, &b, -1, on_csr, wanted("keys.csr", NULL));
    }
    free(mem);
    free(wrapped);
}

/* ---- removing ---- */

static bool in_candidate(struct call *c, const char *ref)
{
    char *text = store_setting(&c->m->store, "candidate");
    bool is = text && strstr(text, ref);

    free(text);
    return is;
}

void keyring_remove(struct call *c)
{
    char ref[KEYS_REF_MAX];
    struct err e;
    json_t *row;
    int rc;

    ref_of(c, ref);
    row = described(c, ref);
    if (!row) {
        call_problem(c, 404, "Not Found", "no key of this name is held here");
        return;
    }
    if (!call_may_change(c, true, row)) {
        json_decref(row);
        return;
    }
    if (json_array_size(json_object_get(row, "used_by")) || in_candidate(c, ref)) {
        call_problem(c, 409, "Conflict",
                     "an identity of the running configuration or of the candidate uses it");
    } else {
        rc = note(c, "keys.remove", ref, &e);
        if (!rc && (rc = keys_remove(ref)))
            err_set(&e, rc, "/", "see the log", "it can not be removed (%s)", strerror(-rc));
        if (rc)
            call_refuse(c, rc, &e);
        else
            call_answer(c, 204, NULL);
    }
    json_decref(row);
}
