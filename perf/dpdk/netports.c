#include "perf/dpdk/netports.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAY_MS 120000 /* for the gateway to start */

enum { OUTSIDE, INSIDE, PORTS };

static struct policy_port port_list[PORTS] = {{.name = "outside", .v4_prefix = 24, .mtu = 1500},
                                              {.name = "inside", .v4_prefix = 24, .mtu = 1500}};
static struct policy_dpdk config = {.memory_mb = 512, .n_ports = PORTS, .ports = port_list};

const char *netports_usage(void)
{
    return "usage: penstock-load-dpdk --outside DEVICE --inside DEVICE [--mtu BYTES] [--memory "
           "MB]\n"
           "           [--hugepages yes] -- MODE ... (as penstock-load; one process)\n"
           "Clients are 10.77.1.2 at the outside device, the backend is 10.77.2.2:9000 at the\n"
           "inside one. It begins when a line comes on stdin.\n";
}

static int set_device(struct policy_port *p, const char *device)
{
    if (strlen(device) >= sizeof p->device)
        return -EINVAL;
    snprintf(p->device, sizeof p->device, "%s", device);
    return 0;
}

static int set_number(const char *text, unsigned long least, unsigned long most, unsigned long *out)
{
    char *end;

    *out = strtoul(text, &end, 10);
    return *end || *out < least || *out > most ? -EINVAL : 0;
}

static int set_option(const char *name, const char *value)
{
    unsigned long n;

    if (!strcmp(name, "--outside"))
        return set_device(&port_list[OUTSIDE], value);
    if (!strcmp(name, "--inside"))
        return set_device(&port_list[INSIDE], value);
    if (!strcmp(name, "--hugepages")) {
        config.hugepages = !strcmp(value, "yes");
        return 0;
    }
    if (!strcmp(name, "--mtu") && !set_number(value, 576, 9000, &n)) {
        port_list[OUTSIDE].mtu = port_list[INSIDE].mtu = (uint16_t)n;
        return 0;
    }
    if (!strcmp(name, "--memory") && !set_number(value, 64, 65536, &n)) {
        config.memory_mb = (uint32_t)n;
        return 0;
    }
    return -EINVAL;
}

int netports_options(int argc, char *argv[])
{
    int i = 1;

    for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2)
        if (set_option(argv[i], argv[i + 1]))
            break;
    if (i < argc && !strcmp(argv[i], "--") && port_list[OUTSIDE].device[0] &&
        port_list[INSIDE].device[0])
        return i;
    fputs(netports_usage(), stderr);
    return -EINVAL;
}

const struct addr *netports_server(void)
{
    return &port_list[INSIDE].v4;
}

static int first_cpu(void)
{
    cpu_set_t set;
    int cpu = 0;

    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
        cpu++;
    return cpu;
}

struct ports *netports_open(void)
{
    static struct ports ports;
    char text[1200], line[16];
    struct err e;

    addr_parse(&port_list[OUTSIDE].v4, "10.77.1.2:0");
    addr_parse(&port_list[INSIDE].v4, "10.77.2.2:0");
    config.n_lcores = 1;
    config.lcores[0] = (uint16_t)first_cpu();
    if (ports_open(&ports, &config, &e)) {
        fprintf(stderr, "penstock-load-dpdk: %s\n", err_text(&e, text, sizeof text));
        return NULL;
    }
    for (unsigned i = 0; i < ports.n; i++)
        ports.port[i].rx_trusted = true; /* what comes is authenticated, or counted */
    fprintf(stderr, "ports are open\n");
    if (ports_await(&ports, GATEWAY_MS, &e)) {
        fprintf(stderr, "penstock-load-dpdk: %s\n", err_text(&e, text, sizeof text));
        return NULL;
    }
    return fgets(line, sizeof line, stdin) ? &ports : NULL;
}
