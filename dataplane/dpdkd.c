/*
 * penstock-dataplane-dpdk: the data plane of the links with engine "dpdk". One control thread
 * (main) and a worker for each of its processors, which polls the ports; see dpdk/DESIGN.md.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/spawn.h"
#include "dataplane/core/threads.h"
#include "dataplane/dpdk/given.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/stacks.h"
#include "dataplane/record/record.h"
#include "dataplane/wire/control_send.h"
#include "dataplane/wire/policy_image.h"

#define REKEY_DEFAULT (1u << 24) /* records; RFC 8446 5.5 allows about 2^24.5 with AES-GCM */
#define SESSIONS_MAX  10000      /* of each worker: two connections each, of lwIP's pool */
#define AWAIT_MS      10000      /* for the other ends of shared memory interfaces */
#define START_MS      10000      /* for the launcher to say which ports there are */

static int usage(const char *what)
{
    fprintf(stderr, "penstock-dataplane-dpdk: %s; it is started by penstockd\n", what);
    return 2;
}

static int parse_number(const char *s, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(s, &end, 10);
    return errno || *end || end == s || *out > max ? -EINVAL : 0;
}

static int parse_args(int argc, char **argv, struct shared *shared, const char **helper)
{
    unsigned long first = 0, rekey = REKEY_DEFAULT;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--first-worker")) {
            if (parse_number(argv[i + 1], WORKERS_MAX - 1, &first))
                return usage("--first-worker takes 0 to 63");
        } else if (!strcmp(argv[i], "--rekey-records")) {
            if (parse_number(argv[i + 1], REKEY_DEFAULT, &rekey) || !rekey)
                return usage("--rekey-records takes 1 to 16777216");
        } else if (!strcmp(argv[i], "--appliance")) {
            *helper = argv[i + 1];
        } else {
            return usage("unknown option");
        }
    }
    if (argc % 2 == 0)
        return usage("an option lacks its value");
    shared->first_worker = (unsigned)first;
    shared->rekey_records = rekey;
    return 0;
}

/* The launcher's first message: the policy whose ports are ours to open. */
static int first_policy(int fd, struct policy **out)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint8_t mem[CHAN_HEADER + 256];
    struct control_attach a;
    struct chan_msg m;
    int rc = poll(&p, 1, START_MS) == 1 ? chan_recv(fd, mem, sizeof mem, &m) : -ETIMEDOUT;

    if (rc != 1)
        return rc ? rc : -EPIPE;
    if (m.type != CONTROL_ATTACH || m.n_fds != 1 || control_get_attach(&m.body, &a) ||
        a.kind != ATTACH_IMAGE_DATAPLANE)
        rc = -EPROTO;
    else
        rc = policy_image_read(m.fds[0], POLICY_ANY_REVISION, POLICY_SLICE_DATAPLANE, out);
    chan_msg_close_fds(&m);
    return rc;
}

/* Tell the operator, through the launcher, why there is no DPDK data plane. */
static int refuse(int fd, const struct err *e)
{
    char text[1100];

    log_event(LOG_ERROR, "start_failed", "error=\"%s\"", err_text(e, text, sizeof text));
    control_send_refused(fd, CONTROL_REFUSED, 0, e);
    return 1;
}

/* What each port's device does for us, for who looks for speed. */
static void tell_ports(const struct ports *ports)
{
    for (unsigned i = 0; i < ports->n; i++) {
        const struct port *port = &ports->port[i];

        log_event(LOG_INFO, "port_open", "port=%s device=\"%s\" queues=%u rx_sums=%s tx_sums=%s",
                  port->policy->name, port->policy->device, port->queues,
                  port->rx_checks ? "device" : "software", port->tx_sums ? "device" : "software");
    }
}

/* Everything that needs privilege, and then without it. 0 or -errno with *e. */
static int prepare(struct ports *ports, struct shared *shared, struct control *control,
                   struct inbox *inboxes, const char *helper, struct err *e)
{
    struct policy *p; /* kept: the ports point into it */
    int rc = first_policy(SPAWN_CONTROL_FD, &p);

    shared->n_workers = rc ? 0 : p->dpdk.n_lcores;
    if (!rc && !shared->n_workers)
        rc = -EPROTO;
    if (!rc)
        rc = threads_shared(shared);
    for (unsigned i = 0; i < shared->n_workers && !rc; i++)
        rc = inbox_init(&inboxes[i]);
    if (!rc)
        rc = control_init(control, SPAWN_CONTROL_FD, shared, inboxes);
    if (!rc)
        rc = record_init();
    if (rc)
        return err_set(e, rc, "data plane", "restart penstockd", "can not start: %s",
                       strerror(-rc));
    shared->dpdk = &p->dpdk;
    shared->sessions_max = SESSIONS_MAX;
    rc = helper ? given_ask(helper, &p->dpdk, e) : 0;
    if (!rc)
        rc = ports_open(ports, &p->dpdk, e);
    if (!rc)
        rc = ports_await(ports, AWAIT_MS, e);
    if (!rc)
        tell_ports(ports);
    return rc ? rc : sandbox_enter(SANDBOX_DPDK, e);
}

int main(int argc, char **argv)
{
    static struct shared shared;
    static struct control control;
    static struct ports ports[POLICY_LCORES_MAX];
    static struct inbox inboxes[POLICY_LCORES_MAX];
    const char *helper = NULL; /* the appliance's; NULL: devices are ours to open as they are */
    struct err e;
    int rc = parse_args(argc, argv, &shared, &helper);

    if (rc)
        return rc;
    log_init("dataplane-dpdk", LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    if (prepare(ports, &shared, &control, inboxes, helper, &e))
        return refuse(SPAWN_CONTROL_FD, &e);
    rc = threads_run(&control, stacks_engine(ports));
    control_fini(&control);
    return rc;
}
