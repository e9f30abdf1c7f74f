/*
 * seed: writes the first corpus of the fuzzers of dataplane/wire: one valid message of each kind.
 * `make fuzz-seed`, after a message changed its form.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/explain.h"
#include "dataplane/wire/system.h"
#include "dataplane/wire/vrrp.h"
#include "tests/unit/sample_policy.h"

static const char *corpus; /* the directory to write into */
static uint8_t mem[64 * 1024];

static struct buf begin(uint8_t type)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    buf_put_u8(&b, type);
    return b;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void write_bytes(const char *target, const char *name, const uint8_t *data, size_t n)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", corpus, target);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", corpus, target, name);
    f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f))
        fail(path);
}

static void end(const struct buf *b, const char *target, const char *name)
{
    if (!buf_ok(b))
        fail(name);
    write_bytes(target, name, b->data, b->len);
}

/* One message: its type, the sample, where it goes. */
#define SEED(type, put, sample, target, name)                                                      \
    do {                                                                                           \
        struct buf b_ = begin(type);                                                               \
        __typeof__(sample) m_ = sample;                                                            \
        put(&b_, &m_);                                                                             \
        end(&b_, target, name);                                                                    \
    } while (0)

static void seed_handoff(void)
{
    struct handoff_feed feed = {sample_id(LEG_OUTER), (const uint8_t *)"\x17\x03\x03\x00\x00", 5};
    struct handoff_link link = {sample_id(LEG_OUTER), 1};
    struct handoff_step step = {sample_id(LEG_OUTER), (const uint8_t *)"\x16\x03\x03\x00\x00", 5};
    struct handoff_keyed tls12 = sample_keyed();

    tls12.rx = tls12.tx = sample_keys(0xc02b, 0x33);
    tls12.negotiated.version = TLS12;
    tls12.negotiated.suite = 0xc02b;
    SEED(HANDOFF_OPEN, handoff_put_open, sample_open(), "handoff", "open");
    SEED(HANDOFF_OPEN, handoff_put_open, sample_open_inner(), "handoff", "open-inner");
    SEED(HANDOFF_FEED, handoff_put_feed, feed, "handoff", "feed");
    SEED(HANDOFF_GO, handoff_put_id, sample_id(LEG_OUTER), "handoff", "go");
    SEED(HANDOFF_JUDGE, handoff_put_judge, sample_judge(), "handoff", "judge");
    SEED(HANDOFF_LINK, handoff_put_link, link, "handoff", "link");
    SEED(HANDOFF_STEP, handoff_put_step, step, "handoff", "step");
    SEED(HANDOFF_KEYED, handoff_put_keyed, sample_keyed(), "handoff", "keyed");
    SEED(HANDOFF_KEYED, handoff_put_keyed, tls12, "handoff", "keyed-tls12");
    SEED(HANDOFF_FAILED, handoff_put_failed, sample_failed(), "handoff", "failed");
    SEED(HANDOFF_JUDGED, handoff_put_judged, sample_judged(true), "handoff", "allowed");
    SEED(HANDOFF_JUDGED, handoff_put_judged, sample_judged(false), "handoff", "denied");
}

static void seed_keywire(void)
{
    struct keywire_signed refused = {.request = 7, .error = 1};

    SEED(KEYWIRE_SIGN, keywire_put_sign, sample_sign(), "keywire", "sign");
    SEED(KEYWIRE_SIGNED, keywire_put_signed, sample_signed(), "keywire", "signed");
    SEED(KEYWIRE_SIGNED, keywire_put_signed, refused, "keywire", "refused");
}

static void seed_keys(void)
{
    SEED(0, traffic_keys_put, sample_keys(0x1302, 0x5e), "keys", "tls13");
    SEED(0, traffic_keys_put, sample_keys(0xc02b, 0x5e), "keys", "tls12");
    SEED(0, traffic_keys_put, sample_keys(0xcca8, 0x5e), "keys", "tls12-chacha");
    SEED(1, peer_facts_put, sample_facts(), "keys", "facts");
    SEED(2, negotiated_put, sample_negotiated(), "keys", "negotiated");
}

static void seed_control(void)
{
    struct control_channel channel = {CHANNEL_QUERY, 2};
    struct control_attach attach = {42, ATTACH_KEY, 3, 7};
    struct control_load load = {.revision = 42, .resume = true, .name = "a.json"};
    struct control_open open = {.token = 7, .kind = OPEN_KEY, .path = "gw.key"};
    struct control_result opened = {7, 2};
    struct control_dial dial = {7, sample_addr("unix:/run/app")};
    struct control_dial dial6 = {8, sample_addr("[2001:db8::1]:443")};
    struct buf b = begin(CONTROL_PREPARE);

    control_put_number(&b, 42);
    end(&b, "control", "prepare");
    SEED(CONTROL_CHANNEL, control_put_channel, channel, "control", "channel");
    SEED(CONTROL_ATTACH, control_put_attach, attach, "control", "attach");
    SEED(CONTROL_LOAD, control_put_load, load, "control", "load");
    SEED(CONTROL_OPEN, control_put_open, open, "control", "open");
    SEED(CONTROL_OPENED, control_put_result, opened, "control", "opened");
    SEED(CONTROL_REFUSED, control_put_refused, sample_refused(), "control", "refused");
    SEED(CONTROL_DIAL, control_put_dial, dial, "control", "dial");
    SEED(CONTROL_DIAL, control_put_dial, dial6, "control", "dial6");
}

static void seed_query(void)
{
    static struct query_page page = {.next = 5, .n_rows = 2};
    static struct query_stats stats = {.first = 1, .total = 3, .n_links = 2};
    struct buf b = begin(QUERY_SESSIONS);

    query_put_number(&b, 0);
    end(&b, "query", "sessions");
    b = begin(QUERY_ENDED);
    query_put_ended(&b, 2);
    end(&b, "query", "ended");
    page.rows[0] = page.rows[1] = sample_session();
    b = begin(QUERY_PAGE);
    query_put_page(&b, &page);
    end(&b, "query", "page");
    b = begin(QUERY_STATS_PAGE);
    query_put_stats(&b, &stats);
    end(&b, "query", "stats");
}

static void seed_notice(void)
{
    struct notice refused = sample_refused_notice(), ended = sample_ended_notice(),
                  lost = {.kind = NOTICE_LOST, .count = 9};
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    notice_put(&b, &ended);
    notice_put(&b, &refused);
    notice_put(&b, &lost);
    end(&b, "notice", "rows");
}

static void seed_peers(void)
{
    static const uint8_t chain[] = {0, 0, 0, 2, 0x30, 0};
    static struct query_peers page = {.next = 1ull << 32, .n = 1};

    page.rows[0] = (struct query_peer){
        .link = "in", .facts = sample_facts(), .chain = chain, .n_chain = sizeof chain};
    SEED(QUERY_PEERS_PAGE, query_put_peers, page, "query", "peers");
}

static void seed_vault(void)
{
    struct vault_make make = sample_make();
    struct vault_import import = sample_import();
    struct vault_wrap wrap = sample_wrap();
    struct vault_csr csr = sample_csr();
    struct vault_issue issue = sample_issue();
    struct vault_prove prove = sample_prove();
    struct vault_backup backup = sample_backup();
    struct vault_rewrap rewrap = sample_rewrap();
    struct vault_answer yes = sample_answer(), no = sample_vault_error();
    struct vault_answer keys = sample_backup_keys();

    SEED(VAULT_MAKE, vault_put_make, make, "vault", "make");
    SEED(VAULT_IMPORT, vault_put_import, import, "vault", "import");
    SEED(VAULT_WRAP, vault_put_wrap, wrap, "vault", "wrap");
    SEED(VAULT_CSR, vault_put_csr, csr, "vault", "csr");
    SEED(VAULT_ISSUE, vault_put_issue, issue, "vault", "issue");
    SEED(VAULT_PROVE, vault_put_prove, prove, "vault", "prove");
    SEED(VAULT_BACKUP, vault_put_backup, backup, "vault", "backup");
    SEED(VAULT_REWRAP, vault_put_rewrap, rewrap, "vault", "rewrap");
    SEED(VAULT_ANSWER, vault_put_answer, keys, "vault", "backup_keys");
    SEED(VAULT_ANSWER, vault_put_answer, yes, "vault", "yes");
    SEED(VAULT_ANSWER, vault_put_answer, no, "vault", "no");
}

static void seed_explain(void)
{
    static const uint8_t chain[] = {0, 0, 0, 2, 0x30, 0};
    struct explain_ask ask = {true, "in", LEG_OUTER, 42, chain, sizeof chain};
    struct explain_answer yes = {.revision = 7, .known = true, .allow = true, .rule = 3};
    struct explain_answer no = {.revision = 7,
                                .known = true,
                                .n = 2,
                                .reasons = {{REASON_UNKNOWN_CA, "a"}, {REASON_EKU, "b"}}};

    SEED(EXPLAIN_ASK, explain_put_ask, ask, "explain", "ask");
    SEED(EXPLAIN_ANSWER, explain_put_answer, yes, "explain", "yes");
    SEED(EXPLAIN_ANSWER, explain_put_answer, no, "explain", "no");
}

static void seed_system(void)
{
    struct system_status status = {
        .version = 20260131120000,
        .uptime_s = 5,
        .kernel = "7.0",
        .slots = {{20260131120000, SYSTEM_SLOT_GOOD, 0}, {20260231120000, SYSTEM_SLOT_TRIAL, 3}}};
    struct system_done yes = {.version = 20260131120000};
    struct system_done no = {.error = 16, .why = {"a", "b", "c"}};
    struct system_network network = {
        .network = {.n_links = 1, .links = {{.name = "eth0", .n_addresses = 1}}}};
    static struct system_links links = {
        .n = 1, .n_routes = 2, .links = {{.name = "eth0", .n_addresses = 1}}};
    struct system_time time = {.synchronised = true, .time = {1, {"ntp.test"}}};
    static const struct system_checkup checkup = {
        .n_units = 1,
        .n_listeners = 1,
        .listeners = {{SYSTEM_UDP, {AF_INET, 32, {127, 0, 0, 1}}, 53, 990}},
        .units = {{"penstockd.service", "active", "running", "success", 2, 1 << 20}},
        .n_counters = 1,
        .counters = {{"dropped", 3, 180}}};
    struct system_devices devices = {
        .n = 1,
        .huge_mb = 256,
        .devices = {{"0000:03:00.0", 0x8086, 0x10d3, "e1000e", "enp3s0", true, 4, false, "no"}}};
    struct system_give give = {.n = 1, .huge_mb = 256, .devices = {"0000:03:00.0"}};
    struct buf b = begin(SYSTEM_ACTIVATE);

    check(!network_parse(&network.network.links[0].addresses[0], "192.0.2.1/24"));
    links.links[0].addresses[0] = network.network.links[0].addresses[0];
    for (unsigned i = 0; i < 2; i++)
        links.routes[i] = (struct system_route){.to = links.links[0].addresses[0], .on = "eth0"};
    check(!network_parse(&links.routes[1].via, "192.0.2.254"));
    system_put_version(&b, 20260131120000);
    end(&b, "system", "activate");
    b = begin(SYSTEM_POWER);
    system_put_power(&b, SYSTEM_SHUTDOWN);
    end(&b, "system", "power");
    SEED(SYSTEM_STATUS, system_put_status, status, "system", "status");
    SEED(SYSTEM_NETWORK_IS, system_put_network, network, "system", "network");
    SEED(SYSTEM_LINKS_ARE, system_put_links, links, "system", "links");
    SEED(SYSTEM_TIME_IS, system_put_time, time, "system", "time");
    SEED(SYSTEM_CHECKUP_IS, system_put_checkup, checkup, "system", "checkup");
    SEED(SYSTEM_DEVICES_ARE, system_put_devices, devices, "system", "devices");
    SEED(SYSTEM_GIVE, system_put_give, give, "system", "give");
    SEED(SYSTEM_DONE, system_put_done, yes, "system", "yes");
    SEED(SYSTEM_DONE, system_put_done, no, "system", "no");
}

static void seed_vrrp(void)
{
    struct vrrp_set off = {0}, on = {.on = true,
                                     .interface = "eth1",
                                     .router = 51,
                                     .priority = 100,
                                     .interval_ms = 1000,
                                     .n_addresses = 2};
    struct vrrp_status status = {.state = VRRP_FAULT, .since_s = 1, .changes = 2, .why = "a"};
    bool good = true;

    vrrp_address_parse("192.0.2.1", &on.source);
    vrrp_address_parse("192.0.2.2", &on.peer);
    vrrp_address_parse("192.0.2.10/24", &on.addresses[0]);
    vrrp_address_parse("2001:db8::10/64", &on.addresses[1]);
    SEED(VRRP_SET, vrrp_put_set, off, "vrrp", "off");
    SEED(VRRP_SET, vrrp_put_set, on, "vrrp", "on");
    SEED(VRRP_HEALTH, vrrp_put_health, good, "vrrp", "health");
    SEED(VRRP_STATE, vrrp_put_status, status, "vrrp", "state");
}

static void seed_crl(void)
{
    struct crl_source s = sample_crl();
    struct buf b = begin(2); /* a serial of two bytes */

    buf_put_u16(&b, 0x0100);
    crl_put(&b, &s);
    end(&b, "crl", "listed");
    s.count = 0;
    b = begin(0);
    crl_put(&b, &s);
    end(&b, "crl", "empty");
}

static void seed_policy(void)
{
    static const char *const names[] = {"dataplane", "handshake",         "dataplane-handshake",
                                        "keyring",   "dataplane-keyring", "handshake-keyring",
                                        "all"};
    static struct sample_policy s;

    sample_policy(&s);
    for (uint8_t slices = 1; slices < 8; slices++) {
        struct buf b;

        buf_init(&b, mem, sizeof mem);
        policy_encode(&b, &s.p, slices);
        end(&b, "policy", names[slices - 1]);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: seed DIRECTORY\n");
        return 2;
    }
    corpus = argv[1];
    seed_handoff();
    seed_keywire();
    seed_keys();
    seed_control();
    seed_query();
    seed_explain();
    seed_system();
    seed_vrrp();
    seed_vault();
    seed_peers();
    seed_notice();
    seed_crl();
    seed_policy();
    return 0;
}
