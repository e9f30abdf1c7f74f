/* settings: are network settings judged, tried, kept and taken back as they should be? */
#include "appliance-image/src/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance-image/src/units.h"
#include "tests/unit/decode.h"
#include "tests/unit/test.h"

DECODER(system_get_network, struct system_network);
DECODER(system_get_links, struct system_links);
DECODER(system_get_time, struct system_time);

static char kept[] = "/tmp/penstock-settings-XXXXXX", units[64], times[64];
static struct settings s;
static struct err e;

/* A folder for one case; what it leaves goes with the next boot's /tmp. */
static void folders(void)
{
    snprintf(kept, sizeof kept, "/tmp/penstock-settings-XXXXXX");
    if (!mkdtemp(kept))
        abort();
    snprintf(units, sizeof units, "%s/units", kept);
    snprintf(times, sizeof times, "%s/times", kept);
    if (mkdir(units, 0700) || mkdir(times, 0700))
        abort();
}

static void clean(void)
{
    char line[96];

    snprintf(line, sizeof line, "rm -r %s", kept);
    EXPECT(!system(line));
}

static struct system_network static_one(const char *address)
{
    struct system_network n = {
        .version = s.version,
        .network = {.n_links = 1, .links = {{.name = "eth0", .n_addresses = 1}}}};

    if (network_parse(&n.network.links[0].addresses[0], address))
        abort();
    return n;
}

/* What the unit says; "" where there is none. */
static const char *unit(const char *name)
{
    static char text[2048];
    char path[128];
    FILE *f;
    size_t n = 0;

    snprintf(path, sizeof path, "%s/%s", units, name);
    f = fopen(path, "r");
    if (f) {
        n = fread(text, 1, sizeof text - 1, f);
        fclose(f);
    }
    text[n] = 0;
    return text;
}

TEST("settings become units, and are there again after a new start")
{
    struct system_network n;

    folders();
    EXPECT(!settings_open(&s, kept, units, times, &e) && s.running.n_links == 0);
    EXPECT(!unit("05-penstock-eth0.network")[0]);
    n = static_one("192.0.2.1/24");
    EXPECT(!settings_network(&s, &n, &e) && s.network_changed);
    EXPECT(strstr(unit("05-penstock-eth0.network"), "Name=eth0\n"));
    EXPECT(strstr(unit("05-penstock-eth0.network"), "Address=192.0.2.1/24\n"));
    EXPECT(strstr(unit("05-penstock-~others.network"), "DHCP=no"));
    EXPECT(settings_network(&s, &n, &e) == -ESTALE); /* of a version that is no more */
    EXPECT(!settings_open(&s, kept, units, times, &e) && s.running.n_links == 1);
    EXPECT(!s.network_changed); /* nobody has to hear of it twice */
    n = static_one("192.0.2.1/24");
    n.network.n_links = 0;
    EXPECT(!settings_network(&s, &n, &e) && !unit("05-penstock-eth0.network")[0]);
    clean();
}

TEST("a change that nobody confirms goes back by the clock, and by a new start")
{
    struct system_network n;

    folders();
    EXPECT(!settings_open(&s, kept, units, times, &e));
    n = static_one("192.0.2.1/24");
    EXPECT(!settings_network(&s, &n, &e));
    n = static_one("192.0.2.2/24");
    n.confirm_s = 60;
    EXPECT(!settings_network(&s, &n, &e) && settings_left_s(&s) == 60);
    settings_tick(&s); /* not yet */
    EXPECT(strstr(unit("05-penstock-eth0.network"), "192.0.2.2"));
    s.until_ms = 1;
    s.network_changed = false;
    settings_tick(&s);
    EXPECT(strstr(unit("05-penstock-eth0.network"), "192.0.2.1") && s.network_changed);
    EXPECT(!settings_left_s(&s) && settings_confirm(&s, &e) == -ENOENT);
    n.version = s.version;
    EXPECT(!settings_network(&s, &n, &e));
    EXPECT(!settings_open(&s, kept, units, times, &e));
    EXPECT(strstr(unit("05-penstock-eth0.network"), "192.0.2.1") && s.network_changed);
    n.version = s.version;
    EXPECT(!settings_network(&s, &n, &e) && !settings_confirm(&s, &e));
    EXPECT(!settings_open(&s, kept, units, times, &e));
    EXPECT(strstr(unit("05-penstock-eth0.network"), "192.0.2.2") && !s.network_changed);
    clean();
}

TEST("settings that can not be kept do not run, and damaged ones are as none")
{
    struct system_network n;
    char path[128];

    folders();
    EXPECT(!settings_open(&s, "/proc/none", units, times, &e));
    n = static_one("192.0.2.1/24");
    EXPECT(settings_network(&s, &n, &e) == -EIO && !unit("05-penstock-eth0.network")[0]);
    EXPECT(!settings_open(&s, kept, units, times, &e));
    n = static_one("192.0.2.1/24");
    EXPECT(!settings_network(&s, &n, &e));
    snprintf(path, sizeof path, "%s/network", kept);
    EXPECT(!truncate(path, 40));
    EXPECT(settings_open(&s, kept, units, times, &e) == 1 && strstr(e.what, "network"));
    EXPECT(!unit("05-penstock-eth0.network")[0]);
    clean();
}

TEST("a VLAN on a bond: devices, members and what is gone after a change")
{
    struct network a = {
        .n_links = 2,
        .links = {
            {.name = "bond0", .kind = NETWORK_BOND, .n_members = 2, .members = {"eth0", "eth1"}},
            {.name = "vlan7", .kind = NETWORK_VLAN, .on = "bond0", .vlan = 7}}};
    struct network b = a;
    const char *gone[NETWORK_LINKS];

    folders();
    EXPECT(!network_judge(&a, &e) && !units_network(units, &a, &e));
    EXPECT(strstr(unit("05-penstock-vlan7.netdev"), "Kind=vlan\n\n[VLAN]\nId=7\n"));
    EXPECT(strstr(unit("05-penstock-bond0.netdev"), "Mode=active-backup"));
    EXPECT(strstr(unit("05-penstock-bond0.network"), "VLAN=vlan7\n"));
    EXPECT(strstr(unit("05-penstock-eth1.network"), "Bond=bond0\n"));
    EXPECT(settings_gone(&a, &b, gone) == 0);
    b.links[1].vlan = 8;
    EXPECT(settings_gone(&a, &b, gone) == 1 && !strcmp(gone[0], "vlan7"));
    b.n_links = 0;
    EXPECT(settings_gone(&a, &b, gone) == 2 && settings_gone(&b, &a, gone) == 0);
    clean();
}

/* What the judge says to one changed thing of good settings. */
static const char *judged(const struct network *n)
{
    return network_judge(n, &e) ? e.where : "";
}

TEST("what does not hold together is refused with its place")
{
    struct network good = static_one("192.0.2.1/24").network, n = good;

    EXPECT(!strcmp(judged(&n), ""));
    for (const char *const *name =
             (const char *const[]){"lo", "a b", "../x", "all", "77", "", "-x", "x/y", NULL};
         *name; name++) {
        snprintf(n.links[0].name, NETWORK_NAME, "%s", *name);
        EXPECT(!strcmp(judged(&n), "/interfaces"));
    }
    n = good;
    n.links[1] = n.links[0];
    n.n_links = 2;
    EXPECT(!strcmp(judged(&n), "/interfaces/eth0"));
    snprintf(n.links[1].name, NETWORK_NAME, "eth1");
    EXPECT(!strcmp(judged(&n), "/interfaces/eth1/addresses/0")); /* the same address */
    for (const char *const *ip =
             (const char *const[]){"127.0.0.1/8", "224.0.0.1/24", "0.0.0.0/0", "::1/128",
                                   "ff02::1/64", "192.0.2.1/0", NULL};
         *ip; ip++) {
        n = static_one(*ip).network;
        EXPECT(!strcmp(judged(&n), "/interfaces/eth0/addresses/0"));
    }
    n = good;
    n.links[0].mtu = 1000;
    EXPECT(!strcmp(judged(&n), "/interfaces/eth0/mtu"));
}

TEST("a route has to lead over a router that the interface reaches")
{
    struct network good = static_one("192.0.2.1/24").network, n;
    static const struct {
        const char *to, *via;
        bool fine;
    } routes[] = {{"0.0.0.0/0", "192.0.2.254", true},   {"10.0.0.0/8", "192.0.3.1", false},
                  {"10.0.0.1/8", "192.0.2.254", false}, {"2001:db8::/32", "192.0.2.254", false},
                  {"2001:db8::/32", "fe80::1", true},   {"2001:db8::/32", "2001:db8::1", false}};

    good.links[0].n_routes = 1;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        n = good;
        EXPECT(!network_parse(&n.links[0].routes[0].to, routes[i].to));
        EXPECT(!network_parse(&n.links[0].routes[0].via, routes[i].via));
        EXPECT(!strcmp(judged(&n), routes[i].fine ? "" : "/interfaces/eth0/routes/0"));
    }
    n.links[0].adverts = true; /* addresses come that are not known here */
    EXPECT(!strcmp(judged(&n), ""));
}

TEST("messages come back as they were, and only whole")
{
    static uint8_t mem[NETWORK_BODY_MAX];
    struct system_network n = static_one("2001:db8::1/64");
    struct system_links l = {.n = 1, .links = {{.name = "eth0", .up = true, .speed = 1000}}};
    struct system_time t = {.synchronised = true, .offset_us = -5, .time = {1, {"ntp.test"}}}, got;
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    system_put_network(&b, &n);
    EXPECT(only_whole(decode_system_get_network, mem, b.len));
    EXPECT(refuses(decode_system_get_network, mem, b.len, 12, NETWORK_LINKS + 1));
    buf_init(&b, mem, sizeof mem);
    system_put_links(&b, &l);
    EXPECT(only_whole(decode_system_get_links, mem, b.len));
    buf_init(&b, mem, sizeof mem);
    system_put_time(&b, &t);
    EXPECT(only_whole(decode_system_get_time, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(!system_get_time(&r, &got) && got.offset_us == -5 &&
           !strcmp(got.time.servers[0], "ntp.test"));
}

TEST("the largest settings fit into a message")
{
    static uint8_t mem[NETWORK_BODY_MAX];
    struct system_network n = {.network = {.n_links = NETWORK_LINKS}};
    struct buf b;

    for (unsigned i = 0; i < NETWORK_LINKS; i++) {
        struct network_link *l = &n.network.links[i];

        fill(l->name, NETWORK_NAME - 1, 'n');
        fill(l->on, NETWORK_NAME - 1, 'n');
        l->n_members = NETWORK_MEMBERS;
        l->n_addresses = NETWORK_ADDRESSES;
        l->n_routes = NETWORK_ROUTES;
        for (unsigned k = 0; k < NETWORK_ADDRESSES; k++)
            l->addresses[k].family = AF_INET6;
        for (unsigned k = 0; k < NETWORK_ROUTES; k++)
            l->routes[k].to.family = l->routes[k].via.family = AF_INET6;
        for (unsigned k = 0; k < NETWORK_MEMBERS; k++)
            fill(l->members[k], NETWORK_NAME - 1, 'n');
    }
    buf_init(&b, mem, sizeof mem);
    system_put_network(&b, &n);
    EXPECT(buf_ok(&b) && only_whole(decode_system_get_network, mem, b.len));
}

TEST("servers of the time are names or addresses, on one line")
{
    struct system_time t = {.time = {1, {"ntp.test"}}};

    folders();
    EXPECT(!settings_open(&s, kept, units, times, &e));
    t.version = s.time_version;
    EXPECT(!settings_time(&s, &t, &e) && s.time_changed);
    t.version = s.time_version;
    for (const char *const *name = (const char *const[]){"a b", "x\nFallbackNTP=y", "", "a..b",
                                                         "127.0.0.1", "$(x)", NULL};
         *name; name++) {
        snprintf(t.time.servers[0], NETWORK_HOST, "%s", *name);
        EXPECT(settings_time(&s, &t, &e) == -EINVAL && !strcmp(e.where, "/servers/0"));
    }
    EXPECT(!strcmp(s.time.servers[0], "ntp.test"));
    clean();
}

int main(void)
{
    return test_run();
}
