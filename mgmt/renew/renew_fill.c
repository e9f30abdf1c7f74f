/* renew_fill: the links over which identities renew themselves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/renew/renew.h"

#define SESSIONS 4

bool renew_is_asked(const json_t *document)
{
    json_t *ids = json_object_get(document, "identities"), *id;
    const char *name;

    json_object_foreach(ids, name, id)
    {
        if (json_object_get(id, "renew"))
            return true;
    }
    return false;
}

/* "https://host[:port]/path" -> its host, and "host:port". The model has looked at its form. */
static void split(const char *url, char host[256], char target[300])
{
    const char *at = url + strlen("https://");
    size_t n = strcspn(at, "/"), n_host = at[0] == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/");
    bool bracket = at[0] == '[';

    snprintf(host, 256, "%.*s", (int)(bracket ? n_host - 2 : n_host), at + bracket);
    snprintf(target, 300, "%.*s%s", (int)n, at, n == n_host ? ":443" : "");
}

int renew_fill(json_t *document, struct err *e)
{
    json_t *ids = json_object_get(document, "identities"), *id, *links;
    const char *name;

    if (!json_object_get(document, "links"))
        json_object_set_new(document, "links", json_object());
    links = json_object_get(document, "links");
    json_object_foreach(ids, name, id)
    {
        const json_t *renew = json_object_get(id, "renew");
        const char *url = json_string_value(json_object_get(renew, "est")),
                   *with = json_string_value(json_object_get(renew, "identity"));
        char host[256], target[300], link[80];
        json_t *filled;

        if (!url)
            continue;
        split(url, host, target);
        snprintf(link, sizeof link, RENEW_LINK "%.48s", name);
        filled = json_pack("{s:b, s:{s:[s], s:{s:s, s:O, s:s, s:[{s:b}]}}, s:{s:i}}", "internal", 1,
                           "forward", "to", target, "tls", "identity", with ? with : name, "trust",
                           json_object_get(renew, "trust"), "server_name", host, "peers", "any", 1,
                           "limits", "sessions", SESSIONS);
        if (!filled || json_object_set_new(links, link, filled))
            return err_set(e, -EINVAL, "/identities", "free memory", "out of memory");
    }
    return 0;
}
