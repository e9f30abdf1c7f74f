#include "mgmt/redact.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "dataplane/base/check.h"

#define MARK "[redacted]"

static const char *const words[] = {"pin",    "pin-value",  "password",   "passwd",  "passphrase",
                                    "secret", "token",      "apikey",     "api_key", "api-key",
                                    "bearer", "credential", "private_key"};

/* ---- text ---- */

struct out {
    char *text;
    size_t n;
};

static void put(struct out *o, const char *p, size_t n)
{
    memcpy(o->text + o->n, p, n);
    o->n += n;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Does `name=`, `name: ` or `"name": ` begin here? Bytes up to the value, else 0. */
static size_t names_value(const char *p)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);

        if (strncasecmp(p, words[i], n) != 0 || is_name(p[n]))
            continue;
        n += p[n] == '"';
        if (p[n] != '=' && p[n] != ':')
            continue;
        n++;
        return n + strspn(p + n, " \"");
    }
    return 0;
}

/* "PRIVATE KEY-----" and what follows, to the end of the block. Bytes after `p`, else 0. */
static size_t private_key(const char *text, const char *p)
{
    static const char begin[] = "PRIVATE KEY-----", stop[] = "-----END";
    const char *end, *label = p;

    if (strncmp(p, begin, sizeof begin - 1) != 0)
        return 0;
    while (label > text && label[-1] != '-')
        label--;
    if (!strncmp(label, "END ", 4))
        return 0;
    end = strstr(p, stop);
    return end ? (size_t)(end - p) : strlen(p);
}

/* "://user:password@": bytes between "://" and '@', else 0. */
static size_t user_of(const char *p)
{
    size_t n = strcspn(p, "@/ \t\r\n\"'<>");

    return p[n] == '@' ? n : 0;
}

/* What of the text begins here and must go: bytes that stay, bytes that go. */
static size_t find(const char *text, const char *p, const char *also, size_t *keep)
{
    size_t n = also && *also && !strncmp(p, also, strlen(also)) ? strlen(also) : 0;

    *keep = 0;
    if (n)
        return n;
    n = private_key(text, p);
    if (n) {
        *keep = strlen("PRIVATE KEY-----") < n ? strlen("PRIVATE KEY-----") : n;
        return n - *keep;
    }
    if (!strncmp(p, "://", 3) && user_of(p + 3)) {
        *keep = 3;
        return user_of(p + 3);
    }
    if (p != text && is_name(p[-1]))
        return 0;
    *keep = names_value(p);
    return *keep ? strcspn(p + *keep, " \t\r\n\"'&;,?}]") : 0;
}

char *redact_text(const char *text, const char *also)
{
    /* Each mark stands for one byte at least. */
    struct out o = {malloc(strlen(text) * sizeof MARK + 1), 0};
    char *fit;

    for (const char *p = text; o.text && *p;) {
        size_t keep, go = find(text, p, also, &keep);

        if (!go) {
            put(&o, p++, 1);
            continue;
        }
        put(&o, p, keep);
        put(&o, MARK, strlen(MARK));
        p += keep + go;
    }
    if (!o.text)
        return NULL;
    o.text[o.n] = '\0';
    fit = realloc(o.text, o.n + 1);
    return fit ? fit : o.text;
}

/* ---- JSON ---- */

static bool is_secret_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcasecmp(name, words[i]))
            return true;
    return false;
}

static json_t *clean(json_t *value, const char *also)
{
    char *text;
    json_t *out;

    if (!json_is_string(value)) {
        redact_json(value, also);
        return NULL;
    }
    text = redact_text(json_string_value(value), also);
    out = text && strcmp(text, json_string_value(value)) != 0 ? json_string(text) : NULL;
    if (!text)
        out = json_string(MARK);
    free(text);
    return out;
}

void redact_json(json_t *value, const char *also)
{
    const char *name;
    json_t *item, *other;
    size_t i;

    json_array_foreach(value, i, item)
    {
        other = clean(item, also);
        if (other)
            json_array_set_new(value, i, other);
    }
    json_object_foreach(value, name, item)
    {
        other = is_secret_name(name) && (json_is_string(item) || json_is_array(item))
                    ? json_string(MARK)
                    : clean(item, also);
        if (other)
            json_object_set_new(value, name, other);
    }
}
