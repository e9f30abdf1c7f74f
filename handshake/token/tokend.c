/*
 * penstock-keyring-token: has one PKCS#11 module, and signs with the private keys in its tokens.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/spawn.h"
#include "handshake/keyring/keymem.h"
#include "handshake/keyring/prefetch.h"
#include "handshake/token/tokenring.h"

#define FILES_MAX 16

/* What every module may read: libraries, their configuration, what the kernel tells. */
static const char *const readable[] = {"/etc",  "/usr", "/lib",         "/lib64",      "/opt",
                                       "/proc", "/sys", "/dev/urandom", "/dev/random", "/dev/null"};

struct options {
    const char *module;
    struct sandbox_place places[ARRAY_LEN(readable) + FILES_MAX];
    size_t n_places;
};

static int fail(const struct err *e)
{
    char text[1100], quoted[1400];

    err_text(e, text, sizeof(text));
    log_event(LOG_ERROR, "start_failed", "reason=%s",
              log_quote(quoted, sizeof(quoted), text, strlen(text)));
    return 1;
}

/* --module FILE [--files DIRECTORY]..., from the launcher. */
static bool read_options(struct options *o, int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        o->places[o->n_places++] = (struct sandbox_place){readable[i], false};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--module"))
            o->module = argv[i + 1];
        else if (!strcmp(argv[i], "--files") && o->n_places < ARRAY_LEN(o->places))
            o->places[o->n_places++] = (struct sandbox_place){argv[i + 1], true};
        else
            return false;
    }
    return o->module && argc % 2 == 1;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    enum keymem_lock lock;
    struct module module;
    struct tokenring *t;
    struct err e;
    int rc;

    log_init("token", LOG_INFO);
    if (!read_options(&o, argc, argv)) {
        fprintf(stderr, "penstock-keyring-token: is started by penstockd\n");
        return 2;
    }
    if (keymem_init(&lock, &e) || prefetch(&e))
        return fail(&e);
    if (lock == KEYMEM_NOT_LOCKED)
        log_event(LOG_WARN, "pins_may_be_swapped", "fix=\"raise the limit of locked memory\"");
    module_load(&module, o.module);
    if (sandbox_enter_with(SANDBOX_TOKEN, o.places, o.n_places, &e))
        return fail(&e);
    module_start(&module);
    t = tokenring_new(SPAWN_CONTROL_FD, &module);
    if (!t)
        return 1;
    rc = tokenring_run(t);
    tokenring_free(t);
    module_end(&module);
    return rc;
}
