#include "dataplane/dpdk/given.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/dpdk/packetpool.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/system.h"

#define HELPER_MS  5000 /* for it to listen, when both have just been started */
#define ANSWER_MS  10000
#define AGAIN_MS   50
#define ANSWER_MAX 2048

_Static_assert(POLICY_PORTS_MAX <= SYSTEM_GIVEN_MAX, "every port's device can be asked for");

static size_t name_len(const struct policy_port *p)
{
    return strcspn(p->device, ",");
}

static void place_of(const struct policy_port *p, char *out, size_t cap)
{
    snprintf(out, cap, "/dpdk/ports/%s/device", p->name);
}

static int fill(struct system_give *m, const struct policy_dpdk *p, struct err *e)
{
    char where[POLICY_NAME_MAX + 32];

    memset(m, 0, sizeof *m);
    m->huge_mb = p->hugepages ? p->memory_mb : 0;
    for (unsigned i = 0; i < p->n_crypto; i++)
        if (!device_is_virtual(p->crypto[i])) {
            snprintf(where, sizeof where, "/dpdk/crypto/%u", i);
            return err_set(e, -EPERM, where, "give a driver of DPDK, such as crypto_aesni_gcm",
                           "the appliance gives network cards only");
        }
    for (unsigned i = 0; i < p->n_ports; i++) {
        const struct policy_port *port = &p->ports[i];

        if (device_is_virtual(port->device))
            continue;
        if (name_len(port) >= SYSTEM_PCI) {
            place_of(port, where, sizeof where);
            return err_set(e, -EINVAL, where, "give one in the form 0000:03:00.0",
                           "\"%s\" is no PCI address", port->device);
        }
        snprintf(m->devices[m->n++], SYSTEM_PCI, "%.*s", (int)name_len(port), port->device);
    }
    return 0;
}

/* The helper may have been started at the same time. */
static int dial(const char *path)
{
    uint64_t end_ms = clock_mono_ms() + HELPER_MS;
    int fd = chan_dial(path);

    while (fd < 0 && fd != -ENAMETOOLONG && clock_mono_ms() < end_ms) {
        nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
        fd = chan_dial(path);
    }
    return fd;
}

/* The helper's answer. 0 or -errno: there is none. */
static int exchange(int fd, const struct system_give *m, struct system_done *done)
{
    uint8_t body[SYSTEM_GIVEN_MAX * (SYSTEM_PCI + 2) + 8], mem[CHAN_HEADER + ANSWER_MAX];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct chan_msg answer;
    struct buf b;
    int rc;

    buf_init(&b, body, sizeof body);
    system_put_give(&b, m);
    rc = chan_send(fd, SYSTEM_GIVE, &b, NULL, 0);
    if (!rc)
        rc = poll(&p, 1, ANSWER_MS) == 1 ? chan_recv(fd, mem, sizeof mem, &answer) : -ETIMEDOUT;
    if (rc <= 0)
        return rc ? rc : -EPIPE;
    rc = answer.n_fds || answer.type != SYSTEM_DONE ? -EPROTO : system_get_done(&answer.body, done);
    chan_msg_close_fds(&answer);
    return rc;
}

/* The helper knows addresses; whoever reads this has written a configuration. */
static void place(const struct policy_dpdk *p, struct err *e)
{
    char where[sizeof e->where] = "/dpdk/memory_mb";

    for (unsigned i = 0; i < p->n_ports; i++)
        if (name_len(&p->ports[i]) == strlen(e->where) &&
            !strncmp(p->ports[i].device, e->where, strlen(e->where)))
            place_of(&p->ports[i], where, sizeof where);
    memcpy(e->where, where, sizeof where);
}

int given_ask(const char *helper, const struct policy_dpdk *p, struct err *e)
{
    struct system_done done;
    struct system_give m;
    int rc = fill(&m, p, e), fd;

    if (rc)
        return rc;
    fd = dial(helper);
    rc = fd < 0 ? fd : exchange(fd, &m, &done);
    if (fd >= 0)
        close(fd);
    if (rc)
        return err_set(e, rc, "/dpdk", "try again; see the appliance's console",
                       "the appliance's helper, which gives devices, does not answer (%s)",
                       strerror(-rc));
    if (!done.error)
        return 0;
    *e = done.why;
    place(p, e);
    return -done.error;
}
