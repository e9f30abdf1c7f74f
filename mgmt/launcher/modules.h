/*
 * modules: which PKCS#11 modules may be loaded, and what their processes are given.
 *
 * Why: a configuration, which can come over the API, names a file whose code then runs, with PINs
 * in its reach. So the file has to be root's, as everything above it; and whoever starts the
 * gateway can say which files alone.
 * Owner: the command line; strings are argv's. Never: loads or reads one.
 */
#ifndef PENSTOCK_LAUNCHER_MODULES_H
#define PENSTOCK_LAUNCHER_MODULES_H

#include <limits.h>
#include "dataplane/wire/pkcs11.h"

#define MODULES_MAX 16

#if defined(__x86_64__)
#define MODULES_TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MODULES_TRIPLET "aarch64-linux-gnu"
#else
#define MODULES_TRIPLET "."
#endif

struct modules {
    const char *allowed[MODULES_MAX]; /* --token-module; none: by place */
    unsigned n_allowed;
    const char *files[MODULES_MAX + 1]; /* --token-files: directories that their processes may write
                                           to; ends with NULL */
    unsigned n_files;
    const char *variables[MODULES_MAX + 1]; /* --token-env: NAME=VALUE for them; ends with NULL */
    unsigned n_variables;
};

/*
 * Find the module that a URI names: by path, or by name in the usual directories. 0 with its real
 * path in out (PATH_MAX bytes); -ELIBBAD: there is no such file; -ELIBACC: it may not be loaded.
 */
int modules_find(const struct modules *m, const struct pkcs11_uri *u, char *out);
/* 0, or -EINVAL: no NAME=VALUE, or one that changes how programs are loaded (LD_...). */
int modules_check_variable(const char *text);

#endif
