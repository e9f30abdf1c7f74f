/*
 * penstock-keyring: holds the private keys and signs what TLS signs.
 */
#include <stdio.h>
#include <string.h>

#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/spawn.h"
#include "handshake/keyring/keymem.h"
#include "handshake/keyring/keyring.h"
#include "handshake/keyring/prefetch.h"

static int fail(const struct err *e)
{
    char text[1100], quoted[1400];

    err_text(e, text, sizeof(text));
    log_event(LOG_ERROR, "start_failed", "reason=%s",
              log_quote(quoted, sizeof(quoted), text, strlen(text)));
    return 1;
}

int main(void)
{
    enum keymem_lock lock;
    struct keyring *k;
    struct err e;
    int rc;

    log_init("keyring", LOG_INFO);
    if (keymem_init(&lock, &e))
        return fail(&e);
    if (lock == KEYMEM_NOT_LOCKED)
        log_event(LOG_WARN, "keys_may_be_swapped", "fix=\"raise the limit of locked memory\"");
    else
        log_event(LOG_INFO, "keys_locked", "all_pages=%s", lock ? "no" : "yes");
    if (prefetch(&e))
        return fail(&e);
    k = keyring_new(SPAWN_CONTROL_FD);
    if (!k)
        return 1;
    if (sandbox_enter(SANDBOX_KEYRING, &e))
        return fail(&e);
    rc = keyring_run(k);
    keyring_free(k);
    return rc;
}
