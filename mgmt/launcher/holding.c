#include "mgmt/launcher/holding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/wire/policy_image.h"

struct holding *holding_new(uint64_t number, int text_fd)
{
    struct holding *r = calloc(1, sizeof(*r));

    if (!r) {
        if (text_fd >= 0)
            close(text_fd);
        return NULL;
    }
    r->number = number;
    r->text = text_fd;
    for (size_t i = 0; i < ARRAY_LEN(r->images); i++)
        r->images[i] = -1;
    return r;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_table(struct fd_table *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        close_fd(&t->fds[i]);
    free(t->fds);
    t->fds = NULL;
    t->n = 0;
}

void holding_retire(struct holding *r)
{
    close_fd(&r->text);
    for (size_t i = 0; i < ARRAY_LEN(r->images); i++)
        close_fd(&r->images[i]);
    close_table(&r->crls);
    close_table(&r->keys);
    for (unsigned i = 0; i < r->n_tokens; i++)
        close_fd(&r->tokens[i].fd);
    listeners_close(&r->listeners);
}

void holding_free(struct holding *r)
{
    if (!r)
        return;
    holding_retire(r);
    policy_free(r->policy);
    for (unsigned i = 0; i < r->n_tokens; i++)
        free(r->tokens[i].module);
    free(r->tokens);
    free(r);
}

bool holding_is_empty(const struct holding *r)
{
    return r->images[0] < 0 && r->images[1] < 0 && r->images[2] < 0 && !r->crls.n && !r->keys.n &&
           !r->n_tokens;
}

/* Make room for `index`. Grows by doubling, so that n attachments cost n moves. */
static int reach(struct fd_table *t, uint32_t index)
{
    uint32_t n = t->n ? t->n : 8;
    int *fds;

    if (index >= HOLDING_ATTACHMENTS_MAX)
        return -EINVAL;
    if (index < t->n)
        return 0;
    while (n <= index)
        n *= 2;
    fds = realloc(t->fds, n * sizeof(*fds));
    if (!fds)
        return -ENOMEM;
    for (uint32_t i = t->n; i < n; i++)
        fds[i] = -1;
    t->fds = fds;
    t->n = n;
    return 0;
}

static int keep(int *slot, int fd)
{
    int copy;

    if (*slot >= 0)
        return -EEXIST;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return -errno;
    *slot = copy;
    return 0;
}

int holding_attach(struct holding *r, uint8_t kind, uint32_t index, int fd)
{
    struct fd_table *t = kind == ATTACH_CRL ? &r->crls : &r->keys;
    int rc;

    if (kind <= ATTACH_IMAGE_KEYRING)
        return keep(&r->images[kind], fd);
    if (kind == ATTACH_TEXT) {
        close_fd(&r->text);
        return keep(&r->text, fd);
    }
    if (kind != ATTACH_CRL && kind != ATTACH_KEY)
        return -EINVAL;
    rc = reach(t, index);
    return rc ? rc : keep(&t->fds[index], fd);
}

int holding_attach_token(struct holding *r, uint32_t index, int fd, const char *module)
{
    struct token_held *tokens, held = {.index = index, .fd = -1};
    int rc = index < HOLDING_ATTACHMENTS_MAX ? 0 : -EINVAL;

    for (unsigned i = 0; i < r->n_tokens && !rc; i++)
        rc = r->tokens[i].index == index ? -EEXIST : 0;
    if (rc)
        return rc;
    tokens = realloc(r->tokens, (r->n_tokens + 1) * sizeof(*tokens));
    if (!tokens)
        return -ENOMEM;
    r->tokens = tokens;
    held.module = strdup(module);
    rc = held.module ? keep(&held.fd, fd) : -ENOMEM;
    if (rc)
        free(held.module);
    else
        tokens[r->n_tokens++] = held;
    return rc;
}

bool holding_uses_token(const struct holding *r, unsigned slot)
{
    for (unsigned i = 0; r && i < r->n_tokens; i++) {
        if (r->tokens[i].slot == slot)
            return true;
    }
    return false;
}

int holding_seat(struct holding *r, struct fleet *f, struct err *e)
{
    for (unsigned i = 0; i < r->n_tokens; i++) {
        int slot = fleet_seat(f, r->tokens[i].module);

        if (slot < 0)
            return err_set(e, slot, "/identities",
                           "use fewer modules, or wait a moment for the process of one to end",
                           "more than %d PKCS#11 modules are in use", CONTROL_TOKENS_MAX);
        r->tokens[i].slot = (unsigned)slot;
    }
    return 0;
}

void holding_pin_refused(struct holding *r, unsigned slot, uint64_t index)
{
    for (unsigned i = 0; r && i < r->n_tokens; i++)
        r->tokens[i].refused |= r->tokens[i].slot == slot && r->tokens[i].index == index;
}

static int decode(struct holding *r, struct err *e)
{
    int rc = policy_image_read(r->images[ATTACH_IMAGE_DATAPLANE], r->number, POLICY_SLICE_DATAPLANE,
                               &r->policy);

    if (rc)
        err_set(e, rc, "penstock-mgmt", "install programs of one version",
                "the compiled policy can not be read (%s)", strerror(-rc));
    return rc;
}

int holding_settle(struct holding *r, const struct holding *old, unsigned workers, struct err *e)
{
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(r->images); i++) {
        if (r->images[i] < 0)
            return err_set(e, -EPROTO, "penstock-mgmt", "install programs of one version",
                           "the compiled policy is incomplete");
    }
    rc = decode(r, e);
    if (rc)
        return rc;
    return listeners_open(&r->listeners, r->policy, old ? &old->listeners : NULL, workers, e);
}

static void give_as(struct child *c, const struct holding *r, const struct control_attach *as,
                    int fd)
{
    struct control_attach m = *as;
    uint8_t mem[64];
    struct buf b;

    m.revision = r->number;
    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &m);
    child_send(c, CONTROL_ATTACH, &b, fd);
}

static void give(struct child *c, const struct holding *r, enum attach_kind kind, uint32_t index,
                 int fd)
{
    struct control_attach m = {.kind = (uint8_t)kind, .index = index};

    if (fd >= 0) /* else a hole: the child knows from its image whether it misses something */
        give_as(c, r, &m, fd);
}

/* The keyring hears where each key is, its process what it is. */
static void give_tokens(const struct holding *r, struct child *c, bool runs)
{
    for (unsigned i = 0; i < r->n_tokens; i++) {
        const struct token_held *t = &r->tokens[i];
        struct control_attach slot = {
            .kind = ATTACH_TOKEN_SLOT, .index = t->index, .token = t->slot};
        struct control_attach key = {.kind = ATTACH_TOKEN_KEY,
                                     .index = t->index,
                                     .token = (runs ? TOKEN_KEY_RUNS : 0u) |
                                              (t->refused ? TOKEN_KEY_REFUSED : 0u)};

        if (c->role == ROLE_KEYRING)
            give_as(c, r, &slot, -1);
        else if (t->slot == c->index)
            give_as(c, r, &key, t->fd);
    }
}

static void give_table(struct child *c, const struct holding *r, enum attach_kind kind,
                       const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        give(c, r, kind, (uint32_t)i, fds[i]);
}

void holding_give(const struct holding *r, struct child *c, bool runs)
{
    const struct listeners *l = &r->listeners;

    switch (c->role) {
    case ROLE_DATAPLANE:
        give(c, r, ATTACH_IMAGE_DATAPLANE, 0, r->images[ATTACH_IMAGE_DATAPLANE]);
        give_table(c, r, ATTACH_LISTENER, l->fds, (size_t)l->n * l->workers);
        break;
    case ROLE_DPDK:
        give(c, r, ATTACH_IMAGE_DATAPLANE, 0, r->images[ATTACH_IMAGE_DATAPLANE]);
        break;
    case ROLE_HANDSHAKE:
    case ROLE_JUDGE:
        give(c, r, ATTACH_IMAGE_HANDSHAKE, 0, r->images[ATTACH_IMAGE_HANDSHAKE]);
        give_table(c, r, ATTACH_CRL, r->crls.fds, r->crls.n);
        break;
    case ROLE_KEYRING:
        give(c, r, ATTACH_IMAGE_KEYRING, 0, r->images[ATTACH_IMAGE_KEYRING]);
        give_table(c, r, ATTACH_KEY, r->keys.fds, r->keys.n);
        give_tokens(r, c, runs);
        break;
    case ROLE_TOKEN:
        give(c, r, ATTACH_IMAGE_KEYRING, 0, r->images[ATTACH_IMAGE_KEYRING]);
        give_tokens(r, c, runs);
        break;
    default:
        check(!"a revision for a process that has none");
    }
    child_send_number(c, CONTROL_PREPARE, r->number);
}

bool holding_has_internal(const struct holding *r, const char *link)
{
    for (unsigned i = 0; r && r->policy && i < r->policy->n_links; i++) {
        if (r->policy->links[i].internal && !strcmp(r->policy->links[i].name, link))
            return true;
    }
    return false;
}

bool holding_has_target(const struct holding *r, const struct addr *a)
{
    if (!r || !r->policy || (a->len && a->sa.sa_family != AF_UNIX))
        return false;
    for (unsigned i = 0; i < r->policy->n_links; i++) {
        const struct policy_link *link = &r->policy->links[i];

        if (!a->len && link->management)
            return true;
        for (unsigned t = 0; a->len && t < link->n_targets; t++) {
            if (addr_equal(&link->targets[t].addr, a))
                return true;
        }
    }
    return false;
}
