#include "mgmt/launcher/modules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/base/check.h"

/* Where packages put modules. Nothing of a user's own lies there. */
static const char *const places[] = {"/usr/lib/", "/usr/lib64/", "/usr/local/lib/", "/opt/"};

/* Where a name alone is looked for, in this order; Debian's directory of the machine comes first.
 */
static const char *const by_name[] = {
    "/usr/lib/" MODULES_TRIPLET,
    "/usr/lib/" MODULES_TRIPLET "/pkcs11",
    "/usr/lib",
    "/usr/lib/pkcs11",
    "/usr/lib64",
    "/usr/lib64/pkcs11",
    "/usr/local/lib",
};

/* Is it root's, and can nobody else put something in its place? `path` is a real one. */
static bool is_roots(const char *path)
{
    char part[PATH_MAX];
    struct stat st;
    size_t n = strlen(path);

    if (n >= sizeof(part))
        return false;
    memcpy(part, path, n + 1);
    for (size_t i = n; i; i--) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (stat(part, &st) || st.st_uid || (st.st_mode & 022))
            return false;
    }
    return true;
}

static bool is_placed(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (!strncmp(path, places[i], strlen(places[i])))
            return true;
    }
    return false;
}

/* Named on the command line: whoever starts the gateway answers for it. */
static bool is_listed(const struct modules *m, const char *path)
{
    char real[PATH_MAX];

    for (unsigned i = 0; i < m->n_allowed; i++) {
        if (realpath(m->allowed[i], real) && !strcmp(real, path))
            return true;
    }
    return false;
}

static int judge(const struct modules *m, const char *path)
{
    struct stat st;

    if (stat(path, &st) || !S_ISREG(st.st_mode))
        return -ELIBBAD;
    if (m->n_allowed)
        return is_listed(m, path) ? 0 : -ELIBACC;
    return is_placed(path) && is_roots(path) ? 0 : -ELIBACC;
}

/* NAME.so or libNAME.so, in the directory or in one of its own name below it. */
static bool find_in(const char *dir, const char *name, char *out)
{
    static const char *const prefixes[] = {"lib", ""};
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        snprintf(path, sizeof(path), "%s/%s%s.so", dir, prefixes[i], name);
        if (realpath(path, out))
            return true;
        snprintf(path, sizeof(path), "%s/%s/%s%s.so", dir, name, prefixes[i], name);
        if (realpath(path, out))
            return true;
    }
    return false;
}

/* softhsm2 lies in softhsm: packages leave a version's number out of the directory's name. */
static bool find_name(const char *name, char *out)
{
    char shorter[sizeof(((struct pkcs11_uri *)0)->module_name)], path[PATH_MAX];
    size_t n = strlen(name);

    snprintf(shorter, sizeof(shorter), "%s", name);
    while (n && shorter[n - 1] >= '0' && shorter[n - 1] <= '9')
        shorter[--n] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(by_name); i++) {
        if (find_in(by_name[i], name, out))
            return true;
        snprintf(path, sizeof(path), "%s/%s", by_name[i], shorter);
        if (n && find_in(path, name, out))
            return true;
    }
    return false;
}

int modules_find(const struct modules *m, const struct pkcs11_uri *u, char *out)
{
    char real[PATH_MAX];
    bool found = u->given & PKCS11_MODULE_PATH ? realpath(u->module_path, real) != NULL
                                               : find_name(u->module_name, real);
    int rc = found ? judge(m, real) : -ELIBBAD;

    if (!rc)
        memcpy(out, real, strlen(real) + 1);
    return rc;
}

int modules_check_variable(const char *text)
{
    const char *equals = strchr(text, '=');

    if (!equals || equals == text || !strncmp(text, "LD_", 3) ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
            (size_t)(equals - text))
        return -EINVAL;
    return 0;
}
