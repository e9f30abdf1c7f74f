#include "appliance-image/src/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/base/check.h"

#define TCP_LISTENS 0x0a
#define UNCONNECTED 0x07

/* The kernel prints addresses as 32-bit numbers in its own byte order. */
static bool read_address(const char *hex, struct network_prefix *p)
{
    size_t digits = strspn(hex, "0123456789ABCDEF"), n = digits / 8;
    char part[9] = "";

    if (hex[digits] || (digits != 8 && digits != 32))
        return false;
    memset(p, 0, sizeof *p);
    p->family = n == 1 ? AF_INET : AF_INET6;
    p->bits = (uint8_t)(n * 32);
    for (size_t i = 0; i < n; i++) {
        uint32_t word;

        memcpy(part, hex + 8 * i, 8);
        word = (uint32_t)strtoul(part, NULL, 16);
        memcpy(p->ip + 4 * i, &word, sizeof word);
    }
    return true;
}

/* "  0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101 ..." */
bool listeners_line(const char *line, enum system_protocol protocol, struct system_listener *out)
{
    char address[40];
    unsigned port, state, user;

    if (sscanf(line, "%*u: %39[0-9A-F]:%4X %*s %2X %*s %*s %*s %u", address, &port, &state,
               &user) != 4 ||
        state != (protocol == SYSTEM_TCP ? TCP_LISTENS : UNCONNECTED) ||
        !read_address(address, &out->address))
        return false;
    out->protocol = (uint8_t)protocol;
    out->port = (uint16_t)port;
    out->user = user;
    return true;
}

static void look(const char *path, enum system_protocol protocol, struct system_checkup *out)
{
    FILE *in = fopen(path, "re");
    char line[512];

    while (in && out->n_listeners < SYSTEM_LISTENERS && fgets(line, sizeof line, in))
        if (listeners_line(line, protocol, &out->listeners[out->n_listeners]))
            out->n_listeners++;
    if (in)
        fclose(in);
}

void listeners_look(struct system_checkup *out)
{
    static const struct {
        const char *path;
        enum system_protocol protocol;
    } tables[] = {{"/proc/net/tcp", SYSTEM_TCP},    {"/proc/net/tcp6", SYSTEM_TCP},
                  {"/proc/net/udp", SYSTEM_UDP},    {"/proc/net/udp6", SYSTEM_UDP},
                  {"/proc/net/raw", SYSTEM_RAW_IP}, {"/proc/net/raw6", SYSTEM_RAW_IP}};

    out->n_listeners = 0;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        look(tables[i].path, tables[i].protocol, out);
}
