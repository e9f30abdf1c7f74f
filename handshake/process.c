#include "handshake/process.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "handshake/certs.h"
#include "handshake/provide.h"

#define RENEW_MS 2000 /* a keyring that died is back before this */

static struct signer *the_signer; /* OpenSSL's callbacks have no other way to it; set once */

struct signer *process_signer(void)
{
    return the_signer;
}

/* The keyring died: the launcher brings a new channel. */
static bool renew_keys(void *arg)
{
    struct process *p = arg;
    uint64_t end = clock_mono_ms() + RENEW_MS;

    p->signing = true;
    while (p->signer.fd < 0) {
        struct pollfd f = {.fd = p->control, .events = POLLIN};
        uint64_t now = clock_mono_ms();

        if (now >= end || p->done)
            break;
        if (poll(&f, 1, (int)(end - now)) == 1 && process_control(p))
            p->done = true;
    }
    p->signing = false;
    return p->signer.fd >= 0;
}

/* A context that only ever reads a ClientHello. */
static SSL_CTX *bootstrap_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    conn_context(ctx);
    return ctx;
}

int process_init(struct process *p, bool judge, int control)
{
    int rc;

    memset(p, 0, sizeof *p);
    p->judge = judge;
    p->control = control;
    p->handoff = -1;
    for (int i = 0; i < PROCESS_JUDGES_MAX; i++)
        p->judges[i] = -1;
    revision_parts_init(&p->parts);
    revision_parts_init(&p->trial_parts);
    hash_key_init(&p->key);
    for (unsigned i = 0; i < PROCESS_BUCKETS; i++)
        list_init(&p->buckets[i]);
    rc = provide_init();
    if (!rc)
        rc = sign_init(&p->signer);
    if (!rc)
        rc = certs_init();
    if (rc)
        return rc;
    p->signer.renew = renew_keys;
    p->signer.arg = p;
    the_signer = &p->signer;
    p->bootstrap = bootstrap_context();
    return p->bootstrap ? 0 : -ENOMEM;
}

struct revision *process_revision(struct process *p, uint64_t number)
{
    if (p->current && p->current->policy->revision == number)
        return p->current;
    if (p->previous && p->previous->policy->revision == number)
        return p->previous;
    return NULL;
}
