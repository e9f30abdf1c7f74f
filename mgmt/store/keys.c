#include "mgmt/store/keys.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "mgmt/store/pem.h"
#include "mgmt/store/file.h"
#include "mgmt/store/objects.h"

#define DIRECTORY "keys"
#define PREFIX    "spki:"
#define DIGITS    64
#define FILE_MAX  (64u * 1024)

int keys_init(void)
{
    return mkdir(DIRECTORY, 0700) && errno != EEXIST ? -errno : 0;
}

static bool is_hash(const char *text)
{
    return strlen(text) == DIGITS && strspn(text, "0123456789abcdef") == DIGITS;
}

bool keys_is_ref(const char *text)
{
    return !strncmp(text, PREFIX, strlen(PREFIX)) && is_hash(text + strlen(PREFIX));
}

void keys_ref(const uint8_t *spki, size_t n, char ref[KEYS_REF_MAX])
{
    char hex[65];

    objects_hash(spki, n, hex);
    snprintf(ref, KEYS_REF_MAX, PREFIX "%s", hex);
}

void keys_kind(const uint8_t *spki, size_t n, char kind[64])
{
    EVP_PKEY *key = d2i_PUBKEY(NULL, &spki, (long)n);
    const char *type = key ? EVP_PKEY_get0_type_name(key) : "unknown";

    if (key && EVP_PKEY_is_a(key, "EC"))
        snprintf(kind, 64, "EC P-%d", EVP_PKEY_get_bits(key));
    else if (key && EVP_PKEY_is_a(key, "RSA"))
        snprintf(kind, 64, "RSA %d", EVP_PKEY_get_bits(key));
    else
        snprintf(kind, 64, "%s", type ? type : "unknown");
    EVP_PKEY_free(key);
}

static void path_of(const char *ref, char path[128])
{
    snprintf(path, 128, DIRECTORY "/%s.json", ref + strlen(PREFIX));
}

/* ---- base64, of bytes that are no secret ---- */

json_t *keys_encode(const uint8_t *p, size_t n)
{
    char *text = malloc(4 * ((n + 2) / 3) + 1);
    json_t *v;

    if (!text)
        return NULL;
    EVP_EncodeBlock((unsigned char *)text, p, (int)n);
    v = json_string(text);
    free(text);
    return v;
}

int keys_decode(const json_t *v, uint8_t **p, size_t *n)
{
    const char *text = json_string_value(v);
    size_t size = text ? strlen(text) : 0;
    uint8_t *mem;
    int got;

    if (!text || size % 4)
        return -EBADMSG;
    mem = malloc(size / 4 * 3 + 1);
    if (!mem)
        return -ENOMEM;
    got = EVP_DecodeBlock(mem, (const unsigned char *)text, (int)size);
    if (got < 0) {
        free(mem);
        return -EBADMSG;
    }
    *n = (size_t)got - (size > 0 && text[size - 1] == '=') - (size > 1 && text[size - 2] == '=');
    *p = mem;
    return 0;
}

/* ---- one file ---- */

int keys_put(const struct keys_row *k)
{
    char ref[KEYS_REF_MAX];
    json_t *file;
    int rc;

    keys_ref(k->spki, k->n_spki, ref);
    file = json_pack("{s:o, s:o, s:s, s:s, s:I}", "spki", keys_encode(k->spki, k->n_spki),
                     "wrapped", keys_encode(k->wrapped, k->n_wrapped), "kind", k->kind, "origin",
                     k->origin, "made_at", (json_int_t)clock_wall_s());
    rc = file ? keys_save(ref, file) : -ENOMEM;
    json_decref(file);
    return rc;
}

int keys_save(const char *ref, const json_t *file)
{
    char path[128], *text;
    int rc;

    if (!file)
        return keys_remove(ref);
    text = json_dumps(file, JSON_INDENT(1));
    if (!text)
        return -ENOMEM;
    path_of(ref, path);
    rc = file_write(path, text, strlen(text));
    free(text);
    return rc;
}

json_t *keys_load(const char *ref)
{
    char path[128];
    uint8_t *text;
    json_t *file;
    size_t n;

    if (!keys_is_ref(ref))
        return NULL;
    path_of(ref, path);
    if (file_read(path, FILE_MAX, &text, &n))
        return NULL;
    file = json_loadb((const char *)text, n, 0, NULL);
    free(text);
    return file;
}

int keys_get(const char *ref, uint8_t **wrapped, size_t *n)
{
    json_t *file = keys_load(ref);
    int rc = file ? keys_decode(json_object_get(file, "wrapped"), wrapped, n) : -ENOENT;

    json_decref(file);
    return rc;
}

static json_t *public_key(const json_t *spki)
{
    char *pem = NULL;
    json_t *v = NULL;
    uint8_t *der;
    size_t n;

    if (!keys_decode(spki, &der, &n)) {
        pem = pem_text("PUBLIC KEY", der, n);
        free(der);
    }
    if (pem)
        v = json_string(pem);
    free(pem);
    return v;
}

json_t *keys_describe(const char *ref)
{
    json_t *file = keys_load(ref), *spki = json_object_get(file, "spki"), *out = NULL;

    if (json_is_string(spki))
        out = json_pack("{s:s, s:O*, s:O*, s:O*, s:o*}", "id", ref, "kind",
                        json_object_get(file, "kind"), "origin", json_object_get(file, "origin"),
                        "made_at", json_object_get(file, "made_at"), "public_key",
                        public_key(spki));
    json_decref(file);
    return out;
}

/* ---- all of them ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_key(const struct dirent *entry)
{
    char hash[DIGITS + 1];

    if (strlen(entry->d_name) != DIGITS + strlen(".json") ||
        strcmp(entry->d_name + DIGITS, ".json") != 0)
        return 0;
    snprintf(hash, sizeof hash, "%.64s", entry->d_name);
    return is_hash(hash);
}

/* Call each with its reference, until one says no. 0 or -errno. */
static int each(bool (*call)(void *arg, const char *ref), void *arg)
{
    struct dirent **entries;
    int n = scandir(DIRECTORY, &entries, is_key, by_name);
    bool go_on = true;

    if (n < 0)
        return errno == ENOENT ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        char ref[KEYS_REF_MAX];

        snprintf(ref, sizeof ref, PREFIX "%.64s", entries[i]->d_name);
        go_on = go_on && call(arg, ref);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

static bool add(void *arg, const char *ref)
{
    json_t *row = keys_describe(ref);

    if (row)
        json_array_append_new(arg, row);
    return true;
}

json_t *keys_list(void)
{
    json_t *list = json_array();

    if (list && each(add, list)) {
        json_decref(list);
        return NULL;
    }
    return list;
}

int keys_remove(const char *ref)
{
    char path[128];

    if (!keys_is_ref(ref))
        return -ENOENT;
    path_of(ref, path);
    return unlink(path) ? -errno : 0;
}

struct sweep {
    bool (*used)(void *arg, const char *ref);
    void *arg;
};

static bool sweep_one(void *arg, const char *ref)
{
    const struct sweep *s = arg;
    json_t *file = keys_load(ref);
    const char *origin = json_string_value(json_object_get(file, "origin"));

    if (origin && !strcmp(origin, "file") && !s->used(s->arg, ref))
        (void)keys_remove(ref);
    json_decref(file);
    return true;
}

int keys_sweep(bool (*used)(void *arg, const char *ref), void *arg)
{
    struct sweep s = {used, arg};

    return each(sweep_one, &s);
}
