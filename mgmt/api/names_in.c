#include "mgmt/api/names_in.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One of the two lists: the words of its types, and where it goes. */
struct list {
    const char *key, *fix;
    const char *const *words;
    int n_words;
    struct vault_pair *pairs;
    uint8_t *n;
    unsigned max;
};

static bool push(struct vault_pair *pairs, uint8_t *n, unsigned max, uint8_t type,
                 const char *value)
{
    if (*n >= max || !*value)
        return false;
    pairs[*n].type = type;
    pairs[(*n)++].value = (struct vault_bytes){(const uint8_t *)value, strlen(value)};
    return true;
}

bool names_in_san(struct vault_names *n, enum vault_san type, const char *value)
{
    return push(n->sans, &n->n_sans, VAULT_SANS_MAX, (uint8_t)type, value);
}

bool names_in_subject(struct vault_names *n, enum vault_attribute type, const char *value)
{
    return push(n->subject, &n->n_subject, VAULT_SUBJECT_MAX, (uint8_t)type, value);
}

static int refuse(const struct list *l, const char *word, const char *what, struct err *e)
{
    char where[128];

    snprintf(where, sizeof where, "/%s%s%.64s", l->key, word ? "/" : "", word ? word : "");
    return err_set(e, -EINVAL, where, l->fix, "%s", what);
}

static int add(const struct list *l, const char *word, const json_t *value, struct err *e)
{
    int type = vault_find(l->words, l->n_words, word);
    const char *text = json_string_value(value);

    if (type < 0)
        return refuse(l, word, "is no kind of name that can be asked for", e);
    if (!text || !*text || strlen(text) != json_string_length(value))
        return refuse(l, word, "is no text, or empty", e);
    if (!push(l->pairs, l->n, l->max, (uint8_t)type, text))
        return refuse(l, word, "there are too many names", e);
    return 0;
}

static int read_list(const json_t *body, const struct list *l, struct err *e)
{
    json_t *all = json_object_get(body, l->key), *value, *item;
    const char *word;
    size_t i;
    int rc = 0;

    if (!all)
        return 0;
    if (!json_is_object(all))
        return refuse(l, NULL, "is no object", e);
    json_object_foreach(all, word, value)
    {
        if (!json_is_array(value)) {
            rc = add(l, word, value, e);
        } else {
            json_array_foreach(value, i, item) rc = rc ? rc : add(l, word, item, e);
        }
        if (rc)
            return rc;
    }
    return 0;
}

int names_in(const json_t *body, struct vault_names *out, struct err *e)
{
    const struct list subject = {"subject",
                                 "give {\"O\": \"...\", \"CN\": \"...\"}: C, ST, L, O, OU, CN, "
                                 "emailAddress, serialNumber",
                                 vault_attributes,
                                 VAULT_ATTRIBUTES,
                                 out->subject,
                                 &out->n_subject,
                                 VAULT_SUBJECT_MAX};
    const struct list sans = {"sans",        "give {\"dns\": [\"...\"]}: dns, uri, email, ip",
                              vault_sans,    VAULT_SAN_KINDS,
                              out->sans,     &out->n_sans,
                              VAULT_SANS_MAX};
    int rc;

    memset(out, 0, sizeof *out);
    rc = read_list(body, &subject, e);
    return rc ? rc : read_list(body, &sans, e);
}
