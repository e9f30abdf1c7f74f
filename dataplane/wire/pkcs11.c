#include "dataplane/wire/pkcs11.h"

#include <errno.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/codec.h"

/* The characters that stand for themselves (RFC 7512 2.3), besides letters and digits. */
#define IN_ANY   "-._~:[]@!$'()*+,="
#define IN_PATH  IN_ANY "&"
#define IN_QUERY IN_ANY "/?|"

#define FIX_FORM                                                                                   \
    "write pkcs11:token=NAME;object=NAME?module-path=FILE&pin-source=file:FILE (RFC 7512)"
#define FIX_PATH                                                                                   \
    "use token, object, id, serial, manufacturer, model, slot-id, slot-manufacturer, "             \
    "slot-description, type"
#define FIX_QUERY "use module-path, module-name, pin-source"
#define FIX_PIN                                                                                    \
    "write the PIN into a file of mode 0600 and name that: pin-source=file:FILE; a PIN that was "  \
    "written down here is to be changed"

struct attribute_row {
    const char *name;
    unsigned bit;
    bool query;
    size_t offset, cap; /* of the text, with its terminator */
};

#define TEXT(field) offsetof(struct pkcs11_uri, field), sizeof(((struct pkcs11_uri *)0)->field)

static const struct attribute_row rows[] = {
    {"token", PKCS11_TOKEN, false, TEXT(token)},
    {"manufacturer", PKCS11_MANUFACTURER, false, TEXT(manufacturer)},
    {"model", PKCS11_MODEL, false, TEXT(model)},
    {"serial", PKCS11_SERIAL, false, TEXT(serial)},
    {"object", PKCS11_OBJECT, false, TEXT(object)},
    {"id", PKCS11_ID, false, 0, 0},
    {"slot-manufacturer", PKCS11_SLOT_MANUFACTURER, false, TEXT(slot_manufacturer)},
    {"slot-description", PKCS11_SLOT_DESCRIPTION, false, TEXT(slot_description)},
    {"slot-id", PKCS11_SLOT_ID, false, 0, 0},
    {"type", PKCS11_TYPE, false, 0, 0},
    {"module-path", PKCS11_MODULE_PATH, true, TEXT(module_path)},
    {"module-name", PKCS11_MODULE_NAME, true, TEXT(module_name)},
    {"pin-source", PKCS11_PIN_SOURCE, true, TEXT(pin_source)},
};

struct parse {
    struct pkcs11_uri *u;
    const char *where;
    struct err *e;
};

/* One attribute's value, decoded; it may hold any byte. */
struct value {
    uint8_t bytes[PKCS11_URI_MAX];
    size_t n;
};

bool pkcs11_is(const char *text)
{
    return !strncmp(text, PKCS11_SCHEME, strlen(PKCS11_SCHEME));
}

static int bad(const struct parse *p, const char *fix, const char *what)
{
    return err_set(p->e, -EINVAL, p->where, fix, "%s", what);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool plain(char c, const char *more)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr(more, c));
}

static int decode(const struct parse *p, const char *s, size_t n, bool query, struct value *v)
{
    v->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%' && n - i > 2 && hex(s[i + 1]) >= 0 && hex(s[i + 2]) >= 0) {
            v->bytes[v->n++] = (uint8_t)(hex(s[i + 1]) << 4 | hex(s[i + 2]));
            i += 2;
        } else if (plain(s[i], query ? IN_QUERY : IN_PATH)) {
            v->bytes[v->n++] = (uint8_t)s[i];
        } else {
            return bad(p, "write other characters as % and two hex digits",
                       "the PKCS#11 URI holds a character that has to be encoded");
        }
    }
    return 0;
}

static int take_text(const struct parse *p, const struct attribute_row *row, const struct value *v)
{
    char *out = (char *)p->u + row->offset;

    if (v->n >= row->cap || memchr(v->bytes, 0, v->n))
        return err_set(p->e, -EINVAL, p->where, "use a shorter one",
                       "\"%s\" of the PKCS#11 URI is longer than %zu bytes, or holds a zero",
                       row->name, row->cap - 1);
    memcpy(out, v->bytes, v->n);
    out[v->n] = '\0';
    return 0;
}

static int take_slot_id(const struct parse *p, const struct value *v)
{
    uint64_t id = 0;

    for (size_t i = 0; i < v->n; i++) {
        if (v->bytes[i] < '0' || v->bytes[i] > '9' || i > 17)
            return bad(p, "give its decimal number", "\"slot-id\" is no number");
        id = id * 10 + (uint64_t)(v->bytes[i] - '0');
    }
    p->u->slot_id = id;
    return v->n ? 0 : bad(p, "give its decimal number", "\"slot-id\" is empty");
}

/* file:PATH, file:///PATH or a path alone; a command is never run. */
static int trim_pin_source(const struct parse *p)
{
    char *s = p->u->pin_source;
    size_t skip = 0;

    if (!strncmp(s, "file://", 7))
        skip = s[7] == '/' ? 7 : sizeof(p->u->pin_source);
    else if (!strncmp(s, "file:", 5))
        skip = 5;
    if (skip > strlen(s) || !s[skip] || s[skip] == '|' || (!skip && strchr(s, ':')))
        return bad(p,
                   "write pin-source=file:FILE; a relative path is relative to the configuration",
                   "\"pin-source\" names no file");
    memmove(s, s + skip, strlen(s + skip) + 1);
    return 0;
}

static int check_module_name(const struct parse *p)
{
    const char *s = p->u->module_name;

    if (!*s || s[0] == '.' ||
        strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                  "0123456789._-") != strlen(s))
        return bad(p, "write softhsm2 for libsofthsm2.so, or use module-path",
                   "\"module-name\" is no name of a library");
    return 0;
}

static int take(const struct parse *p, const struct attribute_row *row, const struct value *v)
{
    int rc;

    p->u->given |= row->bit;
    if (row->bit == PKCS11_ID) {
        if (!v->n || v->n > sizeof(p->u->id))
            return bad(p, "give 1 to 255 bytes, each as %xx", "\"id\" is empty or too long");
        memcpy(p->u->id, v->bytes, v->n);
        p->u->n_id = v->n;
        return 0;
    }
    if (row->bit == PKCS11_SLOT_ID)
        return take_slot_id(p, v);
    if (row->bit == PKCS11_TYPE)
        return v->n == 7 && !memcmp(v->bytes, "private", 7)
                   ? 0
                   : bad(p, "write type=private, or leave it out",
                         "the PKCS#11 URI names something else than a private key");
    rc = take_text(p, row, v);
    if (!rc && row->bit == PKCS11_PIN_SOURCE)
        rc = trim_pin_source(p);
    if (!rc && row->bit == PKCS11_MODULE_NAME)
        rc = check_module_name(p);
    return rc;
}

static bool is(const char *s, size_t n, const char *name)
{
    return n == strlen(name) && !memcmp(s, name, n);
}

static int attribute(const struct parse *p, const char *s, size_t n, bool query)
{
    const char *equals = memchr(s, '=', n);
    size_t n_name = equals ? (size_t)(equals - s) : n;
    struct value v;
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].query != query || !is(s, n_name, rows[i].name))
            continue;
        if (!equals)
            break;
        if (p->u->given & rows[i].bit)
            return err_set(p->e, -EINVAL, p->where, "name it once",
                           "\"%s\" stands twice in the PKCS#11 URI", rows[i].name);
        rc = decode(p, equals + 1, n - n_name - 1, query, &v);
        return rc ? rc : take(p, &rows[i], &v);
    }
    return bad(p, query ? FIX_QUERY : FIX_PATH,
               query ? "the PKCS#11 URI has a query attribute that is not known"
                     : "the PKCS#11 URI has a path attribute that is not known");
}

static int attributes(const struct parse *p, const char *s, size_t n, bool query)
{
    int rc = 0;

    while (n && !rc) {
        const char *end = memchr(s, query ? '&' : ';', n);
        size_t len = end ? (size_t)(end - s) : n;

        rc = attribute(p, s, len, query);
        s += len;
        n -= len;
        if (!rc && n) { /* the separator, which has something behind it */
            s++;
            if (!--n)
                rc = bad(p, FIX_FORM, "the PKCS#11 URI ends with a separator");
        }
    }
    return rc;
}

static int complete(const struct parse *p)
{
    unsigned given = p->u->given;

    if (!(given & (PKCS11_OBJECT | PKCS11_ID)))
        return bad(p, "add object=LABEL or id=%xx%xx", "the PKCS#11 URI does not say which key");
    if (!(given & PKCS11_MODULE_PATH) == !(given & PKCS11_MODULE_NAME))
        return bad(p, "add ?module-path=FILE or ?module-name=NAME, one of them",
                   "the PKCS#11 URI does not say which module has the token, or says it twice");
    if ((given & PKCS11_MODULE_PATH) && p->u->module_path[0] != '/')
        return bad(p, "write module-path=/usr/lib/...", "\"module-path\" is no absolute path");
    return 0;
}

/* A PIN anywhere in it must be found before anything else is complained of: the way out differs. */
static bool holds_pin(const char *text)
{
    return strstr(text, "pin-value") != NULL;
}

int pkcs11_parse(struct pkcs11_uri *u, const char *text, const char *where, struct err *e)
{
    const struct parse p = {u, where, e};
    const char *path, *query;
    size_t n;
    int rc;

    memset(u, 0, sizeof(*u));
    if (holds_pin(text))
        return bad(&p, FIX_PIN, "a PIN has no place in a configuration, where it can be read");
    if (!pkcs11_is(text) || strlen(text) > PKCS11_URI_MAX)
        return bad(&p, FIX_FORM, "is no PKCS#11 URI of at most 1000 bytes");
    path = text + strlen(PKCS11_SCHEME);
    query = strchr(path, '?');
    n = query ? (size_t)(query - path) : strlen(path);
    rc = attributes(&p, path, n, false);
    if (!rc && query)
        rc = attributes(&p, query + 1, strlen(query + 1), true);
    return rc ? rc : complete(&p);
}

void token_key_put(struct buf *b, const struct token_key *k)
{
    buf_put_str(b, k->uri);
    codec_put_blob(b, k->pin, k->n_pin, PKCS11_PIN_MAX);
}

int token_key_get(struct buf *b, struct token_key *k)
{
    memset(k, 0, sizeof(*k));
    buf_get_str(b, k->uri, sizeof(k->uri));
    k->pin = buf_get_blob(b, PKCS11_PIN_MAX, &k->n_pin);
    return codec_done(b);
}
