/* images: a compiled revision on its way to the launcher. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/wire/control_send.h"
#include "mgmt/authority.h"
#include "mgmt/coming_parts.h"

static int attach(struct manager *m, uint64_t revision, uint8_t kind, uint32_t index,
                  uint32_t token, int fd)
{
    struct control_attach a = {.revision = revision, .kind = kind, .index = index, .token = token};
    uint8_t mem[32];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    control_put_attach(&b, &a);
    return chan_send_wait(m->control, CONTROL_ATTACH, &b, &fd, fd >= 0 ? 1 : 0, CONTROL_SEND_MS);
}

/*
 * What mgmt is given back when it has to resume. Comes first: it says the number. The authority
 * goes with it: which rule is whose must be known of what runs, not of what was kept last.
 */
static int attach_text(struct manager *m, uint64_t revision, const char *document,
                       const json_t *authority)
{
    json_t *both = authority ? json_loads(document, 0, NULL) : NULL;
    char *text = NULL;
    int fd, rc;

    if (both) {
        json_object_set(both, AUTHORITY_MEMBER, (json_t *)(uintptr_t)authority);
        text = json_dumps(both, JSON_COMPACT);
        json_decref(both);
    }
    if (authority && !text)
        return -ENOMEM;
    if (text)
        document = text;
    fd = memfd_seal("penstock-config", document, strlen(document));
    free(text);
    if (fd < 0)
        return fd;
    rc = attach(m, revision, ATTACH_TEXT, 0, 0, fd);
    close(fd);
    return rc;
}

/* One slice of the policy as a sealed image: a descriptor, or -errno. */
static int seal_image(struct compiled *c, uint8_t slice, uint16_t attachments)
{
    int fd = -EMSGSIZE;

    for (size_t cap = 1 << 20; fd == -EMSGSIZE && cap <= POLICY_IMAGE_MAX; cap *= 4) {
        uint8_t *mem = malloc(cap);
        struct buf b;

        if (!mem)
            return -ENOMEM;
        c->policy.n_attachments = attachments;
        buf_init(&b, mem, cap);
        policy_encode(&b, &c->policy, slice);
        if (buf_ok(&b))
            fd = memfd_seal("penstock-policy", mem, b.len);
        free(mem);
    }
    return fd;
}

int images_handshake(struct compiled *c)
{
    return seal_image(c, POLICY_SLICE_HANDSHAKE, c->n_crls);
}

static int attach_image(struct manager *m, struct compiled *c, uint8_t kind, uint8_t slice,
                        uint16_t attachments)
{
    int fd = seal_image(c, slice, attachments), rc;

    if (fd < 0)
        return fd;
    rc = attach(m, c->policy.revision, kind, 0, 0, fd);
    close(fd);
    return rc;
}

static int send_all(struct manager *m, struct compiled *c, const char *document,
                    const json_t *authority)
{
    uint64_t revision = c->policy.revision;
    int rc;

    rc = attach_text(m, revision, document, authority);
    if (!rc)
        rc = attach_image(m, c, ATTACH_IMAGE_DATAPLANE, POLICY_SLICE_DATAPLANE, 0);
    if (!rc)
        rc = attach_image(m, c, ATTACH_IMAGE_HANDSHAKE, POLICY_SLICE_HANDSHAKE, c->n_crls);
    if (!rc)
        rc = attach_image(m, c, ATTACH_IMAGE_KEYRING, POLICY_SLICE_KEYRING, c->policy.n_identities);
    for (unsigned i = 0; i < c->n_crls && !rc; i++)
        rc = attach(m, revision, ATTACH_CRL, i, 0, c->crl_fds[i]);
    for (unsigned i = 0; i < c->policy.n_identities && !rc; i++)
        rc = attach(m, revision, ATTACH_KEY, i, c->keys[i].token, c->keys[i].fd);
    return rc ? rc : control_send_number(m->control, CONTROL_APPLY, revision);
}

int images_send(struct manager *m, struct compiled *c, const char *document,
                const json_t *authority, struct err *e)
{
    int rc = send_all(m, c, document, authority);

    return rc ? err_set(e, rc, "/",
                        rc == -EMSGSIZE ? "use fewer or shorter entries" : "free memory",
                        "the compiled policy can not be handed over: %s", strerror(-rc))
              : 0;
}
