#include "mgmt/opener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/pkcs11.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"
#include "mgmt/vaultline.h"

#define SEND_MS 5000
#define OPEN_MS 5000
#define INLINE  "-----BEGIN "

struct opener_kept {
    char *path; /* in the document; of a key: the identity's name */
    bool key;
    char ref[OBJECTS_REF_MAX];
};

/* Ask the launcher to open a path. *fd is -1 for keys. 0 or -errno. */
static int ask_open(struct manager *m, uint8_t kind, const char *path, uint32_t *token, int *fd)
{
    struct control_open open = {.token = ++m->next_token, .kind = kind};
    struct control_result r;
    struct chan_msg msg;
    uint8_t mem[CONTROL_PATH_MAX + 64];
    struct buf b;
    int rc;

    if (strlen(path) >= sizeof open.path)
        return -ENAMETOOLONG;
    snprintf(open.path, sizeof open.path, "%s", path);
    buf_init(&b, mem, sizeof mem);
    control_put_open(&b, &open);
    rc = chan_send_wait(m->control, CONTROL_OPEN, &b, NULL, 0, SEND_MS);
    do {
        if (!rc)
            rc = manager_await(m, CONTROL_OPENED, &msg, OPEN_MS);
        if (rc)
            return rc;
        rc = control_get_result(&msg.body, &r);
        if (rc || r.token != open.token)
            chan_msg_close_fds(&msg);
    } while (!rc && r.token != open.token);
    if (rc)
        return rc;
    *fd = chan_msg_take_fd(&msg, 0);
    *token = open.token;
    chan_msg_close_fds(&msg);
    return r.error > 0 ? -r.error : r.error;
}

int opener_read_fd(int fd, size_t max, uint8_t **data, size_t *n)
{
    struct stat st;
    uint8_t *mem;
    size_t got = 0;

    if (fstat(fd, &st))
        return -errno;
    if ((size_t)st.st_size > max)
        return -EFBIG;
    mem = malloc((size_t)st.st_size + 1);
    if (!mem)
        return -ENOMEM;
    while (got < (size_t)st.st_size) {
        ssize_t r = pread(fd, mem + got, (size_t)st.st_size - got, (off_t)got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    mem[got] = 0;
    *data = mem;
    *n = got;
    return 0;
}

static int read_path(struct manager *m, uint8_t kind, const char *path, size_t max, uint8_t **data,
                     size_t *n)
{
    uint32_t token;
    int fd = -1, rc;

    if (!strncmp(path, INLINE, strlen(INLINE))) {
        if (strlen(path) > max)
            return -EFBIG;
        *data = (uint8_t *)strdup(path);
        *n = strlen(path);
        return *data ? 0 : -ENOMEM;
    }
    rc = ask_open(m, kind, path, &token, &fd);
    if (!rc)
        rc = fd >= 0 ? opener_read_fd(fd, max, data, n) : -EBADF;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int remember(struct opener_run *run, const char *path, bool key, const char *ref)
{
    struct opener_kept *more = realloc(run->kept, (run->n_kept + 1) * sizeof *more), *k;

    if (!more)
        return -ENOMEM;
    run->kept = more;
    k = &more[run->n_kept];
    *k = (struct opener_kept){.path = strdup(path), .key = key};
    snprintf(k->ref, sizeof k->ref, "%s", ref);
    run->n_kept += k->path != NULL;
    return k->path ? 0 : -ENOMEM;
}

/* Remember under which name these bytes are kept. What can not be kept is still used. */
static void keep(struct opener_run *run, const char *path, const uint8_t *data, size_t n)
{
    char ref[OBJECTS_REF_MAX];
    int rc = objects_put(data, n, ref);

    if (!rc)
        rc = remember(run, path, false, ref);
    if (rc)
        run->put_rc = rc;
}

static int open_read(void *arg, uint8_t kind, const char *path, size_t max, uint8_t **data,
                     size_t *n)
{
    struct opener_run *run = arg;
    int rc;

    if (objects_is_ref(path))
        return objects_get(path, max, data, n);
    rc = read_path(run->m, kind, path, max, data, n);
    if (!rc)
        keep(run, path, *data, *n);
    return rc;
}

/* ---- keys ---- */

static int hold(struct opener_run *run, const struct compile_wish *w, const char *ref)
{
    return remember(run, w->identity, true, ref);
}

/* The sealed memory that goes to the keyring. */
static int seal(const struct compile_wish *w, const uint8_t *wrapped, size_t n,
                struct compile_key *out, struct err *e)
{
    int fd = memfd_seal("penstock-key", wrapped, n);

    if (fd < 0)
        return err_set(e, fd, w->where, "free memory", "no memory for the key");
    out->fd = fd;
    return 0;
}

/* One that was made or imported: named, or found by the certificate. */
static int held_key(struct opener_run *run, const struct compile_wish *w, struct compile_key *out,
                    struct err *e)
{
    char ref[KEYS_REF_MAX];
    uint8_t *wrapped;
    size_t n;
    int rc;

    keys_ref(w->spki.data, w->spki.n, ref);
    if (w->key && strcmp(w->key, ref) != 0)
        return err_set(e, -EINVAL, w->where, "name the key that the certificate was issued for",
                       "the private key does not match its certificate: that is of %s", ref);
    rc = keys_get(ref, &wrapped, &n);
    if (rc)
        return err_set(e, rc, w->where, "import the key, or ask for a certificate of one that is",
                       "the certificate's key is not held here (%s)", ref);
    rc = seal(w, wrapped, n, out, e);
    free(wrapped);
    if (!rc && !w->key)
        rc = hold(run, w, ref);
    return rc;
}

/* Is what is kept under this name still of use? It is not when the KEK was replaced. */
static bool opens(struct opener_run *run, const char *ref, const struct compile_wish *w)
{
    struct vault_prove m = {.certificate = {w->leaf.data, w->leaf.n}};
    struct vault_answer a;
    uint8_t *wrapped, *mem;
    struct buf b;
    struct err e;
    size_t n;
    int rc = keys_get(ref, &wrapped, &n);

    if (rc)
        return false;
    m.key = (struct vault_bytes){wrapped, n};
    mem = malloc(CHAN_BODY_MAX);
    buf_init(&b, mem, mem ? CHAN_BODY_MAX : 0);
    vault_put_prove(&b, &m);
    rc = vaultline_wait(run->m, VAULT_PROVE, &b, &a, &e);
    free(mem);
    free(wrapped);
    return !rc;
}

/* What the keyring made of a key file: for this revision, and to be kept. */
static int take_wrapped(struct opener_run *run, const struct compile_wish *w,
                        const struct vault_answer *a, struct compile_key *out, struct err *e)
{
    struct keys_row row = {.origin = "file"};
    char ref[KEYS_REF_MAX], kind[64];
    uint8_t *copy = malloc(a->key.n + a->spki.n);
    int rc;

    if (!copy)
        return err_set(e, -ENOMEM, w->where, "free memory", "no memory for the key");
    memcpy(copy, a->key.p, a->key.n); /* the next question takes the place of this answer */
    memcpy(copy + a->key.n, a->spki.p, a->spki.n);
    row.wrapped = copy;
    row.n_wrapped = a->key.n;
    row.spki = copy + a->key.n;
    row.n_spki = a->spki.n;
    keys_ref(row.spki, row.n_spki, ref);
    keys_kind(row.spki, row.n_spki, kind);
    row.kind = kind;
    rc = seal(w, row.wrapped, row.n_wrapped, out, e);
    if (!rc && run->m->has_state) {
        int put = opens(run, ref, w) ? 0 : keys_put(&row);

        if (!put)
            put = hold(run, w, ref);
        if (put)
            run->put_rc = put; /* it is still used */
    }
    free(copy);
    return rc;
}

/* A file: the keyring gets the launcher's copy and gives the encrypted key. */
static int file_key(struct opener_run *run, const struct compile_wish *w, struct compile_key *out,
                    struct err *e)
{
    struct vault_wrap m = {0};
    struct vault_answer a;
    uint8_t mem[16];
    struct buf b;
    int fd = -1, rc;

    if (strstr(w->key, INLINE))
        return compile_no_file(w, -EINVAL, e);
    rc = ask_open(run->m, OPEN_KEY, w->key, &m.token, &fd);
    if (fd >= 0)
        close(fd); /* a key's descriptor has no business here */
    if (rc)
        return compile_no_file(w, rc, e);
    buf_init(&b, mem, sizeof mem);
    vault_put_wrap(&b, &m);
    rc = vaultline_wait(run->m, VAULT_WRAP, &b, &a, e);
    if (!rc)
        return take_wrapped(run, w, &a, out, e);
    snprintf(e->where, sizeof e->where, "%s", w->where);
    return rc;
}

static const struct {
    int rc;
    const char *what, *fix;
} module_faults[] = {
    {-ELIBBAD, "there is no such PKCS#11 module on this machine",
     "install its package, or name its file with module-path"},
    {-ELIBACC, "the PKCS#11 module may not be loaded",
     "name one of root's own below /usr/lib, /usr/local/lib or /opt, or start penstockd with "
     "--token-module FILE"},
    {-ERANGE, "the file of pin-source does not hold a PIN of 1 to 256 bytes, and nothing else",
     "write the PIN into it as one line"},
};

/* One in a token: the launcher judges the module, reads the PIN, and keeps both from us. */
static int token_key(struct opener_run *run, const struct compile_wish *w, struct compile_key *out,
                     struct err *e)
{
    int fd = -1, rc = ask_open(run->m, OPEN_TOKEN, w->key, &out->token, &fd);

    if (fd >= 0)
        close(fd);
    for (size_t i = 0; i < ARRAY_LEN(module_faults); i++) {
        if (rc == module_faults[i].rc)
            return err_set(e, rc, w->where, module_faults[i].fix, "%s", module_faults[i].what);
    }
    return rc ? err_set(e, rc, w->where,
                        "name a readable file; paths are relative to the configuration file",
                        "the file of pin-source can not be read: %s", strerror(-rc))
              : 0;
}

static int open_key(void *arg, const struct compile_wish *w, struct compile_key *out, struct err *e)
{
    struct opener_run *run = arg;

    if (run->resume)
        return 0; /* the launcher has them; only their places in the tables matter */
    if (w->key && pkcs11_is(w->key))
        return token_key(run, w, out, e);
    return !w->key || keys_is_ref(w->key) ? held_key(run, w, out, e) : file_key(run, w, out, e);
}

struct opener opener_of(struct opener_run *run)
{
    return (struct opener){.read = open_read, .key = open_key, .arg = run};
}

void opener_fini(struct opener_run *run)
{
    for (unsigned i = 0; i < run->n_kept; i++)
        free(run->kept[i].path);
    free(run->kept);
    run->kept = NULL;
    run->n_kept = 0;
}

/* The reference that stands for a path, or NULL. */
static json_t *ref_of(const struct opener_run *run, const json_t *path)
{
    const char *text = json_string_value(path);

    for (unsigned i = 0; text && i < run->n_kept; i++)
        if (!run->kept[i].key && !strcmp(run->kept[i].path, text))
            return json_string(run->kept[i].ref);
    return NULL;
}

/* A string, or an array of strings, that is a member of an object. */
static void replace(const struct opener_run *run, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key), *ref, *item;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            ref = ref_of(run, item);
            if (ref)
                json_array_set_new(value, i, ref);
        }
        return;
    }
    ref = ref_of(run, value);
    if (ref)
        json_object_set_new(object, key, ref);
}

static void name_keys(const struct opener_run *run, json_t *identities)
{
    for (unsigned i = 0; i < run->n_kept; i++)
        if (run->kept[i].key)
            json_object_set_new(json_object_get(identities, run->kept[i].path), "key",
                                json_string(run->kept[i].ref));
}

json_t *opener_canonical(const struct opener_run *run, const json_t *document)
{
    static const struct {
        const char *table, *key;
    } places[] = {{"identities", "certificate"},
                  {"trust", "anchors"},
                  {"trust", "crls"},
                  {"trust", "crl_issuers"}};
    json_t *copy = json_deep_copy(document), *entry;
    const char *name;

    for (size_t i = 0; copy && i < ARRAY_LEN(places); i++) {
        json_t *table = json_object_get(copy, places[i].table);

        json_object_foreach(table, name, entry) replace(run, entry, places[i].key);
    }
    name_keys(run, json_object_get(copy, "identities"));
    return copy;
}
