/* config_dpdk: is the "dpdk" block judged whole, and what a link on its ports may be? */
#include "dataplane/wire/policy_port.h"
#include "tests/unit/config.h"

#define PORTS                                                                                      \
    "{ \"lcores\": [1], \"ports\": {"                                                              \
    "  \"outside\": { \"device\": \"0000:03:00.0\", \"vlan\": 7, \"gateways\": [\"192.0.2.254\"]," \
    "               \"addresses\": [\"192.0.2.1/24\", \"2001:db8:1::1/64\"] },"                    \
    "  \"inside\": { \"device\": \"net_af_packet0,iface=eth1\", \"mtu\": 9000,"                    \
    "              \"addresses\": [\"10.9.0.1/16\"] } } }"

/* The good configuration, with ports and its first link on them. */
static json_t *with_ports(void)
{
    json_t *root = json_loads(config_good, 0, NULL);

    config_put(root, "/dpdk", PORTS);
    config_put(root, "/links/in/engine", "\"dpdk\"");
    config_put(root, "/links/in/listen/address", "[\"192.0.2.1:8443\"]");
    config_put(root, "/links/in/forward/to", "[\"10.9.3.4:80\"]");
    return root;
}

static int judged(const char *pointer, const char *value, struct err *e)
{
    json_t *root = with_ports();
    char *text;
    int rc;

    if (pointer)
        config_put(root, pointer, value);
    text = json_dumps(root, 0);
    rc = config_judge(text, e);
    free(text);
    json_decref(root);
    return rc;
}

static void good(const char *pointer, const char *value)
{
    struct err e = {0};

    EXPECT(judged(pointer, value, &e) == 0);
    if (e.where[0])
        printf("    %s: %s\n", e.where, e.what);
}

static void bad(const char *pointer, const char *value, const char *where, const char *what)
{
    struct err e = {0};

    EXPECT(judged(pointer, value, &e) != 0);
    EXPECT(!strcmp(e.where, where) && strstr(e.what, what) && e.fix[0]);
    if (strcmp(e.where, where) || !strstr(e.what, what))
        printf("    %s: %s; %s\n", e.where, e.what, e.fix);
}

#define OUTSIDE "/dpdk/ports/outside"

TEST("a link on two ports is good, and so are all forms of a port")
{
    good(NULL, NULL);
    good(OUTSIDE "/addresses", "[\"192.0.2.1/23\"]");
    good(OUTSIDE "/gateways", "[\"192.0.2.254\", \"2001:db8:1::ff\"]");
    good(OUTSIDE "/mtu", "1280");
    good("/dpdk/hugepages", "false");
    good("/dpdk/memory_mb", "64");
    good(OUTSIDE "/device", "\"net_tap0,iface=t0\"");
    good("/links/in/forward/source", "\"10.9.0.1\"");
    good("/links/in/forward/health", "{ \"interval_s\": 1 }");
    good("/links/in/forward/to", "[\"203.0.113.9:443\"]"); /* by the gateway */
    good("/links/in/listen/address", "[\"[2001:db8:1::1]:443\", \"10.9.0.1:443\"]");
}

TEST("one processor polls")
{
    bad("/dpdk/lcores", "[]", "/dpdk/lcores", "runs on 1 to 8");
    bad("/dpdk/lcores", "[0,1,2,3,4,5,6,7,8]", "/dpdk/lcores", "runs on 1 to 8");
    bad("/dpdk/lcores", "1", "/dpdk/lcores", "runs on 1 to 8");
    bad("/dpdk/lcores", "[2, 1, 2]", "/dpdk/lcores/2", "named twice");
    bad("/dpdk/lcores", "[1024]", "/dpdk/lcores/0", "1024");
    bad("/dpdk/lcores", NULL, "/dpdk/lcores", "missing");
}

TEST("a device is a name with arguments, never an option of its own")
{
    bad(OUTSIDE "/device", "\"--file-prefix=x\"", OUTSIDE "/device", "no device");
    bad(OUTSIDE "/device", "\"net_tap0 iface=x\"", OUTSIDE "/device", "no device");
    bad(OUTSIDE "/device", "\"net_af_packet0,iface=eth2\"", "/dpdk/ports/inside",
        "device of \"outside\"");
    bad(OUTSIDE "/device", NULL, OUTSIDE "/device", "missing");
}

TEST("crypto devices are a list of names, each once, and no port's")
{
    const char *at = "/dpdk/crypto";

    good(at, "[\"crypto_aesni_gcm\"]");
    good(at, "[\"0000:3d:01.0\", \"crypto_aesni_mb0,socket_id=0\"]");
    bad(at, "[]", at, "no list of 1 to 8");
    bad(at, "\"crypto_aesni_gcm\"", at, "no list of 1 to 8");
    bad(at, "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]", at, "no list of 1 to 8");
    bad(at, "[7]", "/dpdk/crypto/0", "is a number");
    bad(at, "[\"crypto_null\", \"--vdev=x\"]", "/dpdk/crypto/1", "no device");
    bad(at, "[\"crypto_null,a=1\", \"crypto_null,a=2\"]", "/dpdk/crypto/1", "twice");
    bad(at, "[\"0000:03:00.0\"]", "/dpdk/crypto/0", "device of port \"outside\"");
}

TEST("addresses are hosts in networks that do not meet")
{
    bad(OUTSIDE "/addresses", "[\"192.0.2.1\"]", OUTSIDE "/addresses/0", "is none");
    bad(OUTSIDE "/addresses", "[\"192.0.2.1/33\"]", OUTSIDE "/addresses/0", "33 bits");
    bad(OUTSIDE "/addresses", "[\"192.0.2.1/0\"]", OUTSIDE "/addresses/0", "is none");
    bad(OUTSIDE "/addresses", "[\"192.0.2.1/24x\"]", OUTSIDE "/addresses/0", "is none");
    bad(OUTSIDE "/addresses", "[]", OUTSIDE "/addresses", "empty");
    bad(OUTSIDE "/addresses", "[\"192.0.2.1/24\", \"192.0.2.2/24\"]", OUTSIDE "/addresses/1",
        "second");
    bad(OUTSIDE "/addresses", "[\"2001:db8::1/48\"]", OUTSIDE "/addresses/0", "64 bits");
    bad(OUTSIDE "/addresses", "[\"10.9.7.7/24\"]", OUTSIDE "/gateways/0", "in no network");
    bad("/dpdk/ports/inside/addresses", "[\"192.0.2.9/24\"]", "/dpdk/ports/inside",
        "network of \"outside\"");
}

TEST("a gateway is a neighbour")
{
    bad(OUTSIDE "/gateways", "[\"10.9.0.9\"]", OUTSIDE "/gateways/0", "in no network");
    bad(OUTSIDE "/gateways", "[\"192.0.2.1\"]", OUTSIDE "/gateways/0", "in no network");
    bad(OUTSIDE "/gateways", "[\"192.0.2.8\", \"192.0.2.9\"]", OUTSIDE "/gateways/1", "second");
}

TEST("numbers have their bounds")
{
    bad(OUTSIDE "/mtu", "1279", OUTSIDE "/mtu", "1279");
    bad(OUTSIDE "/mtu", "9001", OUTSIDE "/mtu", "9001");
    bad("/dpdk/ports/inside/mtu", "575", "/dpdk/ports/inside/mtu", "575");
    good("/dpdk/ports/inside/mtu", "576");
    bad(OUTSIDE "/vlan", "0", OUTSIDE "/vlan", "0");
    bad(OUTSIDE "/vlan", "4095", OUTSIDE "/vlan", "4095");
    bad("/dpdk/memory_mb", "63", "/dpdk/memory_mb", "63");
    bad("/dpdk/ports", "{}", "/dpdk/ports", "0");
    bad("/dpdk/port", "{}", "/dpdk/port", "no key");
}

TEST("a link of the engine stays on its ports")
{
    bad("/links/in/listen/address", "[\"192.0.2.2:8443\"]", "/links/in/listen/address/0",
        "no port");
    bad("/links/in/listen/address", "[\"0.0.0.0:8443\"]", "/links/in/listen/address/0", "no port");
    bad("/links/in/forward/to", "[\"unix:/run/app\"]", "/links/in/forward/to/0", "unix");
    bad("/links/in/forward/to", "[\"[2001:db8:9::1]:80\"]", "/links/in/forward/to/0",
        "no port leads");
    bad("/links/in/forward/source", "\"10.9.0.2\"", "/links/in/forward/source", "no port");
    bad("/dpdk", NULL, "/links/in/engine", "no ports");
}

TEST("an address is on a port of the engine for all of its links, or for none")
{
    bad("/links/out",
        "{ \"listen\": { \"address\": [\"192.0.2.1:8443\"], \"server_names\": [\"b.test\"],"
        "    \"tls\": { \"identity\": \"gw\", \"trust\": \"partners\", \"peers\": [] } },"
        "  \"forward\": { \"to\": [\"10.9.3.4:80\"] } }",
        "/links/out/engine", "too");
}

TEST("ports that differ in anything are not equal")
{
    struct policy_port port = {.name = "a", .device = "net_x0", .v4_prefix = 24, .mtu = 1500},
                       other;
    struct policy_dpdk a = {.n_lcores = 1,
                            .lcores = {1},
                            .memory_mb = 64,
                            .n_ports = 1,
                            .ports = &port},
                       b = a;

    EXPECT(addr_parse(&port.v4, "192.0.2.1:0") == 0);
    other = port;
    b.ports = &other;
    EXPECT(policy_dpdk_equal(&a, &b));
    other.mtu = 1400;
    EXPECT(!policy_dpdk_equal(&a, &b));
    other = port;
    EXPECT(addr_parse(&other.gateway4, "192.0.2.9:0") == 0);
    EXPECT(!policy_dpdk_equal(&a, &b));
    other = port;
    b.lcores[0] = 2;
    EXPECT(!policy_dpdk_equal(&a, &b));
    b = a;
    snprintf(b.crypto[b.n_crypto++], sizeof b.crypto[0], "crypto_aesni_gcm");
    EXPECT(!policy_dpdk_equal(&a, &b));
    snprintf(a.crypto[a.n_crypto++], sizeof a.crypto[0], "crypto_aesni_mb");
    EXPECT(!policy_dpdk_equal(&a, &b));
}

int main(void)
{
    return test_run();
}
