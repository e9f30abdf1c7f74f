#include "appliance-image/src/helper.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/wire/chan.h"

#define ANSWER_MAX NETWORK_BODY_MAX

/* One request and its answer, which has to be of this type. */
static int exchange(int fd, uint8_t type, const struct buf *body, uint8_t wanted, uint8_t *mem,
                    struct chan_msg *m)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = chan_send(fd, type, body, NULL, 0);

    if (!rc)
        rc = poll(&p, 1, HELPER_MS) == 1 ? chan_recv(fd, mem, CHAN_HEADER + ANSWER_MAX, m)
                                         : -ETIMEDOUT;
    if (rc <= 0)
        return rc ? rc : -EPIPE;
    rc = m->n_fds || m->type != wanted ? -EPROTO : 0;
    chan_msg_close_fds(m);
    return rc;
}

static int ask(const char *path, uint8_t type, const struct buf *body, uint8_t wanted, uint8_t *mem,
               struct chan_msg *m, struct err *e)
{
    int fd = chan_dial(path);
    int rc = fd < 0 ? fd : exchange(fd, type, body, wanted, mem, m);

    if (fd >= 0)
        close(fd);
    return rc ? err_set(e, rc, "penstock-system", "try again; restart if it stays so",
                        "the appliance's helper does not answer (%s)", strerror(-rc))
              : 0;
}

int helper_status(const char *socket_path, struct system_status *status, struct err *e)
{
    uint8_t mem[CHAN_HEADER + ANSWER_MAX];
    struct system_status got;
    struct chan_msg m;
    int rc = ask(socket_path, SYSTEM_STATE, NULL, SYSTEM_STATUS, mem, &m, e);

    if (rc)
        return rc;
    if (system_get_status(&m.body, &got))
        return err_set(e, -EPROTO, "penstock-system", "report it", "its answer can not be read");
    *status = got;
    return 0;
}

/* A request whose answer is DONE. */
static int order(const char *path, uint8_t type, const struct buf *body, struct err *e)
{
    uint8_t mem[CHAN_HEADER + ANSWER_MAX];
    struct system_done done;
    struct chan_msg m;
    int rc = ask(path, type, body, SYSTEM_DONE, mem, &m, e);

    if (rc)
        return rc;
    if (system_get_done(&m.body, &done))
        return err_set(e, -EPROTO, "penstock-system", "report it", "its answer can not be read");
    if (done.error)
        *e = done.why;
    return -done.error;
}

int helper_activate(const char *socket_path, uint64_t version, struct err *e)
{
    uint8_t mem[8];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    system_put_version(&b, version);
    return order(socket_path, SYSTEM_ACTIVATE, &b, e);
}

int helper_power(const char *socket_path, enum system_power what, struct err *e)
{
    uint8_t mem[1];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    system_put_power(&b, what);
    return order(socket_path, SYSTEM_POWER, &b, e);
}

int helper_reset(const char *socket_path, struct err *e)
{
    return order(socket_path, SYSTEM_RESET, NULL, e);
}

/* ---- settings: the version that is there first, then a change of it ---- */

int helper_network(const char *socket_path, const struct network *n, struct err *e)
{
    static struct system_network m;
    static uint8_t mem[CHAN_HEADER + ANSWER_MAX];
    struct chan_msg got;
    struct buf b;
    int rc = ask(socket_path, SYSTEM_NETWORK, NULL, SYSTEM_NETWORK_IS, mem, &got, e);

    if (rc)
        return rc;
    if (system_get_network(&got.body, &m))
        return err_set(e, -EPROTO, "penstock-system", "report it", "its answer can not be read");
    m.confirm_s = 0;
    m.network = *n;
    buf_init(&b, mem, sizeof mem);
    system_put_network(&b, &m);
    return order(socket_path, SYSTEM_NETWORK_SET, &b, e);
}

int helper_time(const char *socket_path, const struct network_time *t, struct err *e)
{
    uint8_t mem[CHAN_HEADER + ANSWER_MAX];
    struct system_time m;
    struct chan_msg got;
    struct buf b;
    int rc = ask(socket_path, SYSTEM_TIME, NULL, SYSTEM_TIME_IS, mem, &got, e);

    if (rc)
        return rc;
    if (system_get_time(&got.body, &m))
        return err_set(e, -EPROTO, "penstock-system", "report it", "its answer can not be read");
    m = (struct system_time){.version = m.version, .time = *t};
    buf_init(&b, mem, sizeof mem);
    system_put_time(&b, &m);
    return order(socket_path, SYSTEM_TIME_SET, &b, e);
}
