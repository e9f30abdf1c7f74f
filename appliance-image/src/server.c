#include "appliance-image/src/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "appliance-image/src/checkup.h"
#include "appliance-image/src/filter.h"
#include "appliance-image/src/install.h"
#include "appliance-image/src/listeners.h"
#include "appliance-image/src/partition.h"
#include "appliance-image/src/server_parts.h"
#include "appliance-image/src/service.h"
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"

#define ANSWER_MAX 2048
#define ANSWER_MS  1000

/* ---- answers ---- */

static void hang_up(struct server *s, unsigned i)
{
    if (s->install && s->installer == (int)i) {
        install_free(s->install);
        s->install = NULL;
        log_event(LOG_WARN, "update_dropped", "why=\"whoever sent it is gone\"");
    }
    close(s->callers[i].fd);
    s->callers[i].fd = -1;
}

void server_answer(struct server *s, unsigned i, uint8_t type, const struct buf *b)
{
    check(buf_ok(b));
    if (chan_send_wait(s->callers[i].fd, type, b, NULL, 0, ANSWER_MS))
        hang_up(s, i);
}

void server_done(struct server *s, unsigned i, int rc, uint64_t version, const struct err *e)
{
    struct system_done m = {.error = -rc, .version = version};
    uint8_t mem[ANSWER_MAX];
    struct buf b;

    if (rc)
        m.why = *e;
    buf_init(&b, mem, sizeof mem);
    system_put_done(&b, &m);
    server_answer(s, i, SYSTEM_DONE, &b);
}

/* ---- requests: each returns 0, or -EPROTO, which costs the caller its connection ---- */

static void fill_slot(const struct slot *from, struct system_slot *to)
{
    _Static_assert((int)ENTRY_STATES == (int)SYSTEM_SLOT_STATES, "the words are the same");
    to->state = (uint8_t)from->entry.state;
    to->version = from->entry.version;
    to->left = from->entry.state == ENTRY_TRIAL ? from->entry.left : 0;
}

static int on_state(struct server *s, unsigned i, struct buf *b)
{
    struct system_status m = {.version = s->version,
                              .running = (uint8_t)s->slots->running,
                              .installing = s->install != NULL,
                              .uptime_s = clock_mono_ms() / 1000};
    struct utsname name;
    uint8_t mem[ANSWER_MAX];
    struct buf out;

    if (system_get_empty(b))
        return -EPROTO;
    if (!uname(&name))
        snprintf(m.kernel, sizeof m.kernel, "%.*s", SYSTEM_RELEASE_MAX - 1, name.release);
    for (unsigned k = 0; k < SLOTS; k++)
        fill_slot(&s->slots->slot[k], &m.slots[k]);
    buf_init(&out, mem, sizeof mem);
    system_put_status(&out, &m);
    server_answer(s, i, SYSTEM_STATUS, &out);
    return 0;
}

/* The update of this caller has failed: say why, once. */
static void refuse(struct server *s, unsigned i, int rc, const struct err *e)
{
    log_event(LOG_WARN, "update_refused", "why=\"%.200s\"", e->what);
    install_free(s->install);
    s->install = NULL;
    s->callers[i].refused = true;
    server_done(s, i, rc, 0, e);
}

static int on_install(struct server *s, unsigned i, struct buf *b)
{
    struct err e;
    int rc = 0;

    if (system_get_empty(b))
        return -EPROTO;
    if (s->install)
        rc = err_set(&e, -EBUSY, "update", "wait for it", "another update is coming in");
    if (!rc)
        rc = slots_look(s->slots, &e);
    if (rc) {
        s->callers[i].refused = true;
        server_done(s, i, rc, 0, &e);
        return 0;
    }
    s->callers[i].refused = false;
    s->install = install_new(s->slots, s->version, s->key);
    s->installer = (int)i;
    if (!s->install)
        refuse(s, i, err_set(&e, -ENOMEM, "update", "free memory", "out of memory"), &e);
    return 0;
}

static int on_data(struct server *s, unsigned i, struct buf *b)
{
    const uint8_t *data;
    struct err e;
    size_t n;
    int rc;

    data = system_get_data(b, &n);
    if (!data)
        return -EPROTO;
    if (s->callers[i].refused)
        return 0;
    if (!s->install || s->installer != (int)i)
        return -EPROTO;
    rc = install_feed(s->install, data, n, &e);
    if (rc)
        refuse(s, i, rc, &e);
    return 0;
}

static int on_end(struct server *s, unsigned i, struct buf *b)
{
    uint64_t version = 0;
    struct err e;
    int rc;

    if (system_get_empty(b))
        return -EPROTO;
    if (s->callers[i].refused) {
        s->callers[i].refused = false;
        return 0; /* was told why */
    }
    if (!s->install || s->installer != (int)i)
        return -EPROTO;
    rc = install_end(s->install, &version, &e);
    if (rc) {
        refuse(s, i, rc, &e);
        s->callers[i].refused = false;
        return 0;
    }
    install_free(s->install);
    s->install = NULL;
    log_event(LOG_INFO, "update_installed", "version=%" PRIu64, version);
    server_done(s, i, 0, version, NULL);
    return 0;
}

/* The running version, chosen again, undoes a choice. */
static int choose(struct server *s, uint64_t version, struct err *e)
{
    if (s->install)
        return err_set(e, -EBUSY, "/version", "wait for it", "an update is coming in");
    if (slots_look(s->slots, e))
        return -EIO;
    return version == s->version ? slots_stay(s->slots, e) : slots_activate(s->slots, version, e);
}

static int on_activate(struct server *s, unsigned i, struct buf *b)
{
    uint64_t version;
    struct err e;
    int rc;

    if (system_get_version(b, &version))
        return -EPROTO;
    rc = choose(s, version, &e);
    if (!rc)
        log_event(LOG_INFO, "version_chosen", "version=%" PRIu64, version);
    server_done(s, i, rc, version, &e);
    return 0;
}

/* The state partition is emptied at the next start. */
static int condemn(const char *state, struct err *e)
{
    enum partition_kind kind;
    uint64_t blocks;
    int fd = open(state, O_RDWR | O_CLOEXEC), rc;

    rc = fd < 0 ? -errno : partition_look(fd, &kind, &blocks);
    if (!rc)
        rc = partition_condemn(fd);
    if (fd >= 0)
        close(fd);
    return rc ? err_set(e, rc, state, "look at the disk", "it can not be marked for a reset (%s)",
                        strerror(-rc))
              : 0;
}

static int on_power(struct server *s, unsigned i, struct buf *b)
{
    enum system_power what;
    struct err e;

    if (system_get_power(b, &what))
        return -EPROTO;
    if (s->install) {
        server_done(s, i, err_set(&e, -EBUSY, "/", "wait for it", "an update is coming in"), 0, &e);
        return 0;
    }
    server_done(s, i, 0, 0, NULL);
    s->power = (int)what;
    return 0;
}

/* For whoever stands at the box: no caller but root, so that no request over REST comes to it. */
static int on_reset(struct server *s, unsigned i, struct buf *b)
{
    struct err e;
    int rc = 0;

    if (system_get_empty(b) || !s->callers[i].root)
        return -EPROTO;
    if (s->install)
        rc = err_set(&e, -EBUSY, "state", "wait for it", "an update is coming in");
    if (!rc)
        rc = condemn(s->state, &e);
    if (!rc) {
        log_event(LOG_WARN, "factory_reset", "state=%s", s->state);
        s->power = SYSTEM_REBOOT;
    }
    server_done(s, i, rc, 0, &e);
    return 0;
}

static int on_checkup(struct server *s, unsigned i, struct buf *b)
{
    static struct system_checkup m;
    static uint8_t mem[CHAN_BODY_MAX];
    struct buf out;

    if (system_get_empty(b))
        return -EPROTO;
    checkup_units(s->manager, &m);
    filter_counters(&m);
    listeners_look(&m);
    buf_init(&out, mem, sizeof mem);
    system_put_checkup(&out, &m);
    server_answer(s, i, SYSTEM_CHECKUP_IS, &out);
    return 0;
}

static int on_journal(struct server *s, unsigned i, struct buf *b)
{
    static char text[SYSTEM_DATA_MAX];
    struct buf out;
    struct err e;
    int n;

    if (system_get_empty(b))
        return -EPROTO;
    n = checkup_journal(s->journal, text, sizeof text);
    if (n <= 0) {
        n = err_set(&e, n ? n : -ENODATA, "journal", "see the console", "the journal says nothing");
        server_done(s, i, n, 0, &e);
        return 0;
    }
    buf_init(&out, text, (size_t)n);
    out.len = (size_t)n;
    server_answer(s, i, SYSTEM_JOURNAL_IS, &out);
    return 0;
}

static const struct {
    uint8_t type;
    int (*take)(struct server *s, unsigned i, struct buf *b);
} verbs[] = {
    {SYSTEM_STATE, on_state},
    {SYSTEM_INSTALL, on_install},
    {SYSTEM_DATA, on_data},
    {SYSTEM_END, on_end},
    {SYSTEM_ACTIVATE, on_activate},
    {SYSTEM_POWER, on_power},
    {SYSTEM_NETWORK, server_network},
    {SYSTEM_NETWORK_SET, server_network_set},
    {SYSTEM_NETWORK_CONFIRM, server_network_confirm},
    {SYSTEM_LINKS, server_links},
    {SYSTEM_TIME, server_time},
    {SYSTEM_TIME_SET, server_time_set},
    {SYSTEM_RESET, on_reset},
    {SYSTEM_CHECKUP, on_checkup},
    {SYSTEM_JOURNAL, on_journal},
    {SYSTEM_DEVICES, server_devices},
    {SYSTEM_GIVE, server_give},
};

/* One message. 0, or -errno: the caller is gone or breaks the rules. */
static int take_one(struct server *s, unsigned i)
{
    struct chan_msg m;
    int rc = chan_recv(s->callers[i].fd, s->message, sizeof s->message, &m);

    if (rc == -EAGAIN)
        return 0;
    if (rc <= 0)
        return rc ? rc : -EPIPE;
    rc = m.n_fds ? -EPROTO : -EOPNOTSUPP;
    chan_msg_close_fds(&m);
    for (size_t k = 0; rc == -EOPNOTSUPP && k < ARRAY_LEN(verbs); k++)
        if (verbs[k].type == m.type)
            rc = verbs[k].take(s, i, &m.body);
    return rc;
}

/* ---- callers ---- */

static bool may_call(const struct server *s, int fd, bool *root)
{
    struct ucred who;
    socklen_t n = sizeof who;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n))
        return false;
    *root = who.uid == 0;
    return *root || who.uid == s->user;
}

static void take_caller(struct server *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    bool root = false;
    unsigned i = 0;

    if (fd < 0)
        return;
    while (i < SERVER_CALLERS && s->callers[i].fd >= 0)
        i++;
    if (i == SERVER_CALLERS || !may_call(s, fd, &root)) {
        log_event(LOG_WARN, "caller_refused", "why=\"%s\"",
                  i == SERVER_CALLERS ? "too many" : "not the gateway's user");
        close(fd);
        return;
    }
    s->callers[i].fd = fd;
    s->callers[i].refused = false;
    s->callers[i].root = root;
}

void server_run(struct server *s, int ms)
{
    struct pollfd p[1 + SERVER_CALLERS] = {{.fd = s->listener, .events = POLLIN}};

    for (unsigned i = 0; i < SERVER_CALLERS; i++)
        p[1 + i] = (struct pollfd){.fd = s->callers[i].fd, .events = POLLIN};
    if (poll(p, 1 + SERVER_CALLERS, ms) <= 0)
        return;
    for (unsigned i = 0; i < SERVER_CALLERS; i++)
        if (p[1 + i].revents && s->callers[i].fd >= 0 && take_one(s, i) && s->callers[i].fd >= 0)
            hang_up(s, i);
    if (p[0].revents)
        take_caller(s);
}

/* ---- opening ---- */

int server_open(struct server *s, const char *path, struct err *e)
{
    int fd = service_listen(path, SERVER_CALLERS, e);

    if (fd < 0)
        return fd;
    s->listener = fd;
    s->install = NULL;
    s->power = -1;
    for (unsigned i = 0; i < SERVER_CALLERS; i++)
        s->callers[i].fd = -1;
    return 0;
}

void server_close(struct server *s)
{
    for (unsigned i = 0; i < SERVER_CALLERS; i++)
        if (s->callers[i].fd >= 0)
            hang_up(s, i);
    close(s->listener);
}
