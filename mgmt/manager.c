#include "mgmt/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "mgmt/api/api.h"
#include "mgmt/apply.h"
#include "mgmt/authority.h"
#include "mgmt/coming_parts.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"

int manager_init(struct manager *m, int control, const char *appliance, const char *vrrp)
{
    int rc;

    memset(m, 0, sizeof *m);
    m->control = control;
    m->judge = -1;
    m->web.fd = -1;
    m->start_ms = clock_mono_ms();
    m->owner = (unsigned)getuid();
    for (int i = 0; i < MANAGER_WORKERS_MAX; i++)
        m->workers[i] = -1;
    m->warnings = json_array();
    vaultline_init(&m->vault);
    journal_init(&m->journal);
    ship_init(&m->ship);
    rc = m->warnings ? appliance_init(&m->appliance, appliance) : -ENOMEM;
    return rc ? rc : pair_init(&m->pair, vrrp);
}

/* Seconds of day and date are the certificate's: the log tells when, the status page tells all. */
void manager_alarm(struct manager *m, int64_t now)
{
    char quoted[600];

    for (unsigned i = 0; i < m->n_dates; i++) {
        const struct compile_date *d = &m->dates[i];
        bool near = now >= d->warn_at && m->alarmed_s < d->warn_at;
        bool over = now >= d->ends_at && m->alarmed_s < d->ends_at;

        if (!near && !over)
            continue;
        log_event(over ? LOG_ERROR : LOG_WARN, over ? "ended" : "ends_soon",
                  "text=%s left_s=%" PRId64,
                  log_quote(quoted, sizeof quoted, d->text, strlen(d->text)), d->ends_at - now);
        events_add(m, "expiry",
                   json_pack("{s:s, s:b, s:I}", "text", d->text, "ended", over, "left_s",
                             (json_int_t)(d->ends_at - now)));
    }
    m->alarmed_s = now;
}

/* Without its store the gateway runs all the same, and says what it lacks. */
static int take_state(struct manager *m, int fd)
{
    struct store_revision running;
    char text[1100], quoted[1400];
    struct err *e = &m->store_err;
    int rc = fchdir(fd) ? err_set(e, -errno, "state", "see the directory", "can not be entered")
                        : 0;

    if (!rc)
        rc = sandbox_write_below(fd, e);
    close(fd);
    if (!rc && ((rc = objects_init()) || (rc = keys_init())))
        err_set(e, rc, "objects, keys", "free disk space", "can not be made (%s)", strerror(-rc));
    m->has_state = !rc;
    if (!rc)
        rc = store_open(&m->store, e);
    if (m->has_state && !store_running(&m->store, &running)) {
        m->highest = running.number;
        store_revision_free(&running);
    }
    if (m->has_state)
        authority_load(m);
    m->confirm_at_s = 1; /* something may be left from before */
    if (rc) {
        err_text(e, text, sizeof text);
        log_event(LOG_ERROR, "store_failed", "error=%s",
                  log_quote(quoted, sizeof quoted, text, strlen(text)));
    }
    return 0;
}

static int take_channel(struct manager *m, struct chan_msg *msg)
{
    struct control_channel ch;
    int fd;

    if (control_get_channel(&msg->body, &ch) || msg->n_fds != 1)
        return -EPROTO;
    fd = chan_msg_take_fd(msg, 0);
    if (ch.kind == CHANNEL_LOCAL)
        return api_start(m, fd);
    if (ch.kind == CHANNEL_EXPLAIN) {
        if (m->judge >= 0)
            close(m->judge);
        m->judge = fd;
        m->judge_owes = 0;
        return 0;
    }
    if (ch.kind == CHANNEL_CALLER)
        return callers_take(m, fd);
    if (ch.kind == CHANNEL_STATE)
        return take_state(m, fd);
    if (ch.kind == CHANNEL_NOTICES) {
        events_take(m, ch.index, fd);
        return 0;
    }
    if (ch.kind == CHANNEL_TOKENSTATE) {
        tokens_take(m, ch.index, fd);
        return 0;
    }
    if (ch.kind == CHANNEL_LOG) {
        journal_take(m, fd);
        return 0;
    }
    if (ch.kind == CHANNEL_VAULT && ch.index < KEK_KEPT) {
        vaultline_take(m, fd, (enum kek_kept)ch.index);
        return 0;
    }
    if (ch.kind != CHANNEL_QUERY || ch.index >= MANAGER_WORKERS_MAX) {
        close(fd);
        return -EPROTO;
    }
    if (m->workers[ch.index] >= 0)
        close(m->workers[ch.index]);
    m->workers[ch.index] = fd;
    m->owed[ch.index] = 0;
    if (ch.index >= m->n_workers)
        m->n_workers = ch.index + 1u;
    return 0;
}

static int take_load(struct manager *m, struct chan_msg *msg)
{
    struct control_load load;

    if (control_get_load(&msg->body, &load) || msg->n_fds != 1)
        return -EPROTO;
    return apply_load(m, &load, chan_msg_take_fd(msg, 0));
}

static int take_applied(struct manager *m, struct chan_msg *msg)
{
    uint64_t revision;

    if (control_get_number(&msg->body, &revision))
        return -EPROTO;
    coming_ended(m, revision, NULL);
    return 0;
}

static int take_refused(struct manager *m, struct chan_msg *msg)
{
    struct control_refused r;

    if (control_get_refused(&msg->body, &r))
        return -EPROTO;
    if (!r.revision)
        m->missing = r.err;
    else
        coming_ended(m, r.revision, &r.err);
    return 0;
}

static int take_nothing(struct manager *m, struct chan_msg *msg)
{
    (void)m; /* a late OPENED */
    (void)msg;
    return 0;
}

static int take_drain(struct manager *m, struct chan_msg *msg)
{
    (void)msg;
    pair_drain(m);
    return 0;
}

static const struct {
    uint8_t type;
    int (*take)(struct manager *m, struct chan_msg *msg);
} messages[] = {
    {CONTROL_CHANNEL, take_channel}, {CONTROL_LOAD, take_load},
    {CONTROL_APPLIED, take_applied}, {CONTROL_REFUSED, take_refused},
    {CONTROL_OPENED, take_nothing},  {CONTROL_DRAIN, take_drain},
};

int manager_take(struct manager *m, struct chan_msg *msg)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        if (messages[i].type == msg->type)
            return messages[i].take(m, msg);
    return -EPROTO;
}

static int put_aside(struct manager *m, struct chan_msg *msg)
{
    size_t n = msg->body.len;
    uint8_t *mem = m->n_waiting < MANAGER_WAITING_MAX ? malloc(n ? n : 1) : NULL;

    if (!mem)
        return -ENOMEM;
    memcpy(mem, msg->body.data, n);
    m->waiting[m->n_waiting].mem = mem;
    m->waiting[m->n_waiting].type = msg->type;
    m->waiting[m->n_waiting].fd = chan_msg_take_fd(msg, 0);
    buf_init_read(&m->waiting[m->n_waiting].body, mem, n);
    m->n_waiting++;
    return 0;
}

int manager_await(struct manager *m, uint8_t type, struct chan_msg *msg, int timeout_ms)
{
    uint64_t end = clock_mono_ms() + (uint64_t)timeout_ms;

    for (;;) {
        int rc = chan_recv(m->control, m->message, sizeof m->message, msg);
        struct pollfd p = {.fd = m->control, .events = POLLIN};
        uint64_t now = clock_mono_ms();

        if (rc == 1 && msg->type == type)
            return 0;
        if (rc == 1) {
            rc = put_aside(m, msg);
            chan_msg_close_fds(msg);
            if (rc)
                return rc;
            continue;
        }
        if (rc != -EAGAIN)
            return rc ? rc : -EPIPE;
        if (now >= end)
            return -ETIMEDOUT;
        poll(&p, 1, (int)(end - now));
    }
}

/* What was put aside comes first, in its order. */
static int take_waiting(struct manager *m)
{
    int rc = 0;

    while (m->n_waiting && !rc) {
        struct chan_msg msg = {
            .type = m->waiting[0].type, .body = m->waiting[0].body, .n_fds = m->waiting[0].fd >= 0};
        uint8_t *mem = m->waiting[0].mem;

        msg.fds[0] = m->waiting[0].fd;
        memmove(&m->waiting[0], &m->waiting[1], --m->n_waiting * sizeof m->waiting[0]);
        rc = manager_take(m, &msg);
        chan_msg_close_fds(&msg);
        free(mem);
    }
    return rc;
}

int manager_control(struct manager *m)
{
    struct chan_msg msg;
    int rc;

    while ((rc = chan_recv(m->control, m->message, sizeof m->message, &msg)) == 1) {
        rc = manager_take(m, &msg);
        chan_msg_close_fds(&msg);
        if (!rc)
            rc = take_waiting(m);
        if (rc)
            return rc;
    }
    return rc == -EAGAIN ? 0 : rc ? rc : -EPIPE;
}
