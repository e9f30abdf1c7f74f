/*
 * orders: what the launcher orders the keyring to do: channels, attachments, a change in two
 * phases.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/control_send.h"
#include "dataplane/wire/policy_image.h"
#include "handshake/keyring/keyring.h"

#define FILES_MAX 65536 /* attachment numbers are 16 bits */

void keyring_drop_attached(struct keyring *k)
{
    for (uint32_t i = 0; i < k->n_files; i++) {
        if (k->files[i].fd >= 0)
            close(k->files[i].fd);
    }
    free(k->files);
    k->files = NULL;
    k->n_files = 0;
    if (k->image >= 0)
        close(k->image);
    k->image = -1;
}

static int open_vault(struct keyring *k, struct chan_msg *m)
{
    int rc;

    k->kek_due = false;
    rc = vaultlane_open(k->vault, chan_msg_take_fd(m, 0));
    if (rc)
        log_event(LOG_ERROR, "vault_failed", "error=\"%s\"", strerror(-rc));
    return rc;
}

static int order_channel(struct keyring *k, struct chan_msg *m)
{
    struct control_channel c;
    struct lane *lane;

    if (control_get_channel(&m->body, &c) || m->n_fds != 1)
        return -EPROTO;
    if (c.kind == CHANNEL_VAULT && c.index == 0)
        return open_vault(k, m);
    if (c.kind == CHANNEL_TOKEN && c.index < CONTROL_TOKENS_MAX) {
        tokenlane_open(k->tokens, c.index, chan_msg_take_fd(m, 0));
        return 0;
    }
    if (c.kind != CHANNEL_KEYS || c.index >= KEYRING_LANES)
        return -EPROTO;
    lane = &k->lanes[c.index];
    if (lane->fd >= 0)
        close(lane->fd);
    lane->fd = chan_msg_take_fd(m, 0);
    lane->n_answer = 0;
    tokenlane_forget(k->tokens, c.index);
    return 0;
}

/* The attachment's place, with room made for it; NULL: out of memory, or of bounds. */
static struct keystore_file *file_at(struct keyring *k, uint32_t index)
{
    uint32_t n = index < 8 ? 8 : 2 * index;
    struct keystore_file *files;

    if (index < k->n_files)
        return &k->files[index];
    if (index >= FILES_MAX)
        return NULL;
    files = realloc(k->files, n * sizeof(*files));
    if (!files)
        return NULL;
    for (uint32_t i = k->n_files; i < n; i++)
        files[i] = (struct keystore_file){-1, -1};
    k->files = files;
    k->n_files = n;
    return &files[index];
}

static int keep_file(struct keyring *k, const struct control_attach *a, int fd)
{
    struct keystore_file *file = file_at(k, a->index);

    if (!file || file->fd >= 0 || file->slot >= 0)
        return -EPROTO;
    file->fd = fd;
    return 0;
}

static int keep_slot(struct keyring *k, const struct control_attach *a)
{
    struct keystore_file *file = file_at(k, a->index);

    if (!file || file->fd >= 0 || file->slot >= 0 || a->token >= CONTROL_TOKENS_MAX)
        return -EPROTO;
    file->slot = (int)a->token;
    return 0;
}

/* Once, and before anything that it might be needed for: later it would be a change of key. */
static int take_kek(struct keyring *k, int fd)
{
    int rc = k->kek_due ? kek_read(fd, &k->kek) : -EPROTO;

    close(fd);
    if (rc)
        return rc;
    k->kek_due = false;
    k->keys.kek = k->kek;
    vaultlane_set_kek(k->vault, k->kek);
    return 0;
}

static int order_attach(struct keyring *k, struct chan_msg *m)
{
    struct control_attach a;
    int fd, rc = -EPROTO;

    if (control_get_attach(&m->body, &a) || m->n_fds != (a.kind != ATTACH_TOKEN_SLOT))
        return -EPROTO;
    if (a.kind == ATTACH_KEK)
        return take_kek(k, chan_msg_take_fd(m, 0));
    k->kek_due = false;
    if (a.kind == ATTACH_WRAP) {
        vaultlane_keep(k->vault, a.token, chan_msg_take_fd(m, 0));
        return 0;
    }
    if (a.revision != k->revision)
        keyring_drop_attached(k);
    k->revision = a.revision;
    if (a.kind == ATTACH_TOKEN_SLOT)
        return keep_slot(k, &a);
    fd = chan_msg_take_fd(m, 0);
    if (a.kind == ATTACH_IMAGE_KEYRING && k->image < 0) {
        k->image = fd;
        return 0;
    }
    if (a.kind == ATTACH_KEY)
        rc = keep_file(k, &a, fd);
    if (rc)
        close(fd);
    return rc;
}

static int prepare(struct keyring *k, uint64_t revision, struct err *e)
{
    struct policy *p;
    int rc = policy_image_read(k->image, revision, POLICY_SLICE_KEYRING, &p);

    if (rc)
        return err_set(e, rc, "penstock-keyring", "install programs of one version",
                       "the compiled policy can not be read (%s)", strerror(-rc));
    rc = keystore_prepare(&k->keys, p, k->files, k->n_files, e);
    policy_free(p);
    return rc;
}

static int order_prepare(struct keyring *k, struct chan_msg *m)
{
    uint64_t revision;
    struct err e;
    int rc;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    rc = prepare(k, revision, &e);
    keyring_drop_attached(k); /* the files are read, or of no use */
    return rc ? control_send_refused(k->control, CONTROL_REFUSED, revision, &e)
              : control_send_number(k->control, CONTROL_PREPARED, revision);
}

static int order_commit(struct keyring *k, struct chan_msg *m)
{
    uint64_t revision;

    if (control_get_number(&m->body, &revision) || keystore_commit(&k->keys, revision))
        return -EPROTO;
    return control_send_number(k->control, CONTROL_COMMITTED, revision);
}

static int order_abort(struct keyring *k, struct chan_msg *m)
{
    uint64_t revision;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    keystore_abort(&k->keys);
    keyring_drop_attached(k);
    return 0;
}

struct order_row {
    uint8_t type;
    int (*take)(struct keyring *k, struct chan_msg *m);
};

static const struct order_row orders[] = {
    {CONTROL_CHANNEL, order_channel}, {CONTROL_ATTACH, order_attach},
    {CONTROL_PREPARE, order_prepare}, {CONTROL_COMMIT, order_commit},
    {CONTROL_ABORT, order_abort},
};

int keyring_order(struct keyring *k, struct chan_msg *m)
{
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (orders[i].type == m->type)
            return orders[i].take(k, m);
    }
    return -EPROTO;
}
