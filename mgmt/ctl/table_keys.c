/* Tables of private keys that the gateway holds, and of its administrators. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "mgmt/ctl/cell.h"
#include "mgmt/ctl/table.h"

#define SHORT 21 /* "spki:" and 16 digits are enough to tell keys apart */

static void row(const json_t *key, bool wide)
{
    time_t at = (time_t)json_integer_value(json_object_get(key, "made_at"));
    const json_t *used = json_object_get(key, "used_by"), *name;
    char when[32] = "-";
    struct tm tm;
    size_t i;

    if (gmtime_r(&at, &tm))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
    printf("%-*.*s  %-12s  %-8s  %-20s ", wide ? 69 : SHORT, wide ? 69 : SHORT,
           cell_text(key, "id"), cell_text(key, "kind"), cell_text(key, "origin"), when);
    json_array_foreach(used, i, name) printf(" %s", json_string_value(name));
    printf("%s\n", json_array_size(used) ? "" : " -");
}

void table_keys(const json_t *body, bool wide)
{
    json_t *key;
    size_t i;

    printf("%-*s  KIND          ORIGIN    SINCE                 USED BY\n", wide ? 69 : SHORT,
           "KEY");
    json_array_foreach(json_object_get(body, "items"), i, key) row(key, wide);
}

/* One that was made or imported; its certificates may be piped on. */
void table_key(const json_t *body, bool wide)
{
    json_t *pem;
    size_t i;

    (void)wide;
    printf("%s  %s\n", cell_text(body, "id"), cell_text(body, "kind"));
    json_array_foreach(json_object_get(body, "certificates"), i, pem)
        fputs(json_string_value(pem), stdout);
}

void table_bootstrap(const json_t *body, bool wide)
{
    (void)wide;
    if (json_is_true(json_object_get(body, "open")))
        printf("token %s\n", cell_text(body, "token"));
    else
        printf("no token is open\n");
    printf("server-spki-sha256 %s\n", cell_text(body, "server_spki_sha256"));
}

void table_admins(const json_t *body, bool wide)
{
    json_t *admin, *role;
    size_t i, k;

    printf("NAME                  CERTIFICATE UNTIL     %s  ROLES\n",
           wide ? "SPKI SHA-256                                                    " : "");
    json_array_foreach(json_object_get(body, "items"), i, admin)
    {
        time_t at = (time_t)json_integer_value(json_object_get(admin, "not_after"));
        char when[32] = "-";
        struct tm tm;

        if (gmtime_r(&at, &tm))
            strftime(when, sizeof when, "%Y-%m-%d %H:%M:%SZ", &tm);
        printf("%-20s  %-20s %s ", cell_text(admin, "name"), when,
               wide ? cell_text(admin, "spki_sha256") : "");
        json_array_foreach(json_object_get(admin, "roles"), k, role)
            printf(" %s", json_string_value(role));
        printf("\n");
    }
}
