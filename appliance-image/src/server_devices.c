/* server_devices: the verbs of devices for the DPDK engine (devices.h). */
#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "appliance-image/src/devices.h"
#include "appliance-image/src/server_parts.h"
#include "appliance-image/src/settings.h"
#include "dataplane/base/log.h"

static struct devices devices_of(const struct server *s)
{
    struct sysinfo machine = {0};

    (void)sysinfo(&machine);
    return (struct devices){
        .sys = "/sys",
        .dev = "/dev",
        .running = &s->settings->running,
        .saved = &s->settings->saved,
        .memory_mb = (uint32_t)((uint64_t)machine.totalram * machine.mem_unit >> 20),
    };
}

int server_devices(struct server *s, unsigned i, struct buf *b)
{
    static struct system_devices m;
    static uint8_t mem[CHAN_BODY_MAX];
    struct devices d = devices_of(s);
    struct buf out;

    if (system_get_empty(b))
        return -EPROTO;
    devices_list(&d, &m);
    buf_init(&out, mem, sizeof mem);
    system_put_devices(&out, &m);
    server_answer(s, i, SYSTEM_DEVICES_ARE, &out);
    return 0;
}

/* For the engine, which is root's until its sandbox: no request over REST comes to it. */
int server_give(struct server *s, unsigned i, struct buf *b)
{
    struct devices d = devices_of(s);
    struct system_give m;
    struct err e;
    int rc;

    if (system_get_give(b, &m) || !s->callers[i].root)
        return -EPROTO;
    rc = devices_give(&d, &m, &e);
    log_event(rc ? LOG_WARN : LOG_INFO, "devices", "n=%u huge_mb=%u error=%d why=\"%.200s\"", m.n,
              m.huge_mb, -rc, rc ? e.what : "");
    server_done(s, i, rc, 0, &e);
    return 0;
}
