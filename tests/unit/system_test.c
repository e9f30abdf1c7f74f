/* system: do mgmt and the appliance's helper read what the other wrote, and nothing else? */
#include "dataplane/wire/system.h"

#include <sys/socket.h>

#include "tests/unit/decode.h"
#include "tests/unit/test.h"

DECODER(system_get_version, uint64_t);
DECODER(system_get_power, enum system_power);
DECODER(system_get_status, struct system_status);
DECODER(system_get_done, struct system_done);
DECODER(system_get_checkup, struct system_checkup);
DECODER(system_get_devices, struct system_devices);
DECODER(system_get_give, struct system_give);

static uint8_t mem[2048];

TEST("a status comes back as it was, and only whole")
{
    struct system_status m = {.version = 20260131120000,
                              .running = 1,
                              .installing = true,
                              .uptime_s = 77,
                              .kernel = "7.3",
                              .slots = {{1, SYSTEM_SLOT_TRIAL, 3}, {2, SYSTEM_SLOT_GOOD, 0}}},
                         got;
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    system_put_status(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(!system_get_status(&r, &got));
    EXPECT(got.version == m.version && got.running == 1 && got.installing && got.uptime_s == 77);
    EXPECT(!strcmp(got.kernel, "7.3") && got.slots[0].left == 3 && got.slots[1].version == 2);
    EXPECT(only_whole(decode_system_get_status, mem, b.len));
    EXPECT(refuses(decode_system_get_status, mem, b.len, 8, SYSTEM_SLOTS));
    EXPECT(refuses(decode_system_get_status, mem, b.len, 9, 2));
    EXPECT(refuses(decode_system_get_status, mem, b.len, b.len - 2, SYSTEM_SLOT_STATES));
    EXPECT(refuses(decode_system_get_status, mem, b.len, b.len - 1, SYSTEM_LEFT_MAX + 1));
}

TEST("how the units are comes back as it was, only whole, and in printable words")
{
    static const struct system_checkup m = {
        .n_units = 1,
        .n_counters = 1,
        .n_listeners = 1,
        .listeners = {{SYSTEM_UDP, {AF_INET, 32, {127, 0, 0, 1}}, 53, 990}},
        .units = {{"a.service", "failed", "failed", "exit-code", 3, 4096}},
        .counters = {{"dropped", 5, 300}}};
    static struct system_checkup got;
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    system_put_checkup(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(!system_get_checkup(&r, &got) && !memcmp(&got, &m, sizeof m));
    EXPECT(only_whole(decode_system_get_checkup, mem, b.len));
    EXPECT(refuses(decode_system_get_checkup, mem, b.len, 0, SYSTEM_UNITS + 1));
    EXPECT(refuses(decode_system_get_checkup, mem, b.len, 3, '\n'));
}

TEST("network cards, and what the engine wants of them, come back as they were, and only whole")
{
    static const struct system_devices m = {
        .n = 1,
        .huge_mb = 256,
        .devices = {{"0000:03:00.0", 0x8086, 0x10d3, "e1000e", "enp3s0", true, 4, false, "no"}}};
    static const struct system_give g = {.n = 1, .huge_mb = 64, .devices = {"0000:03:00.0"}};
    static struct system_devices got;
    static struct system_give asked;
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    system_put_devices(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(!system_get_devices(&r, &got) && !memcmp(&got, &m, sizeof m));
    EXPECT(only_whole(decode_system_get_devices, mem, b.len));
    EXPECT(refuses(decode_system_get_devices, mem, b.len, 4, SYSTEM_DEVICES_MAX + 1));
    EXPECT(refuses(decode_system_get_devices, mem, b.len, 7, '\n'));
    buf_init(&b, mem, sizeof mem);
    system_put_give(&b, &g);
    buf_init_read(&r, mem, b.len);
    EXPECT(!system_get_give(&r, &asked) && !memcmp(&asked, &g, sizeof g));
    EXPECT(only_whole(decode_system_get_give, mem, b.len));
    EXPECT(refuses(decode_system_get_give, mem, b.len, 4, SYSTEM_GIVEN_MAX + 1));
}

TEST("a failure says why, a success does not, and a mixture is refused")
{
    struct system_done no = {.error = 16, .why = {"/version", "busy", "wait"}}, got;
    struct system_done yes = {.version = 20260131120000};
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    system_put_done(&b, &no);
    buf_init_read(&r, mem, b.len);
    EXPECT(!system_get_done(&r, &got) && got.error == 16 && !strcmp(got.why.fix, "wait"));
    EXPECT(only_whole(decode_system_get_done, mem, b.len));
    EXPECT(refuses(decode_system_get_done, mem, b.len, 3, 0));
    EXPECT(refuses(decode_system_get_done, mem, b.len, 0, 0x80));
    buf_init(&b, mem, sizeof mem);
    system_put_done(&b, &yes);
    EXPECT(only_whole(decode_system_get_done, mem, b.len));
    EXPECT(refuses(decode_system_get_done, mem, b.len, 3, 1));
}

TEST("a version and a verb are exactly that")
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    system_put_version(&b, 20260131120000);
    EXPECT(only_whole(decode_system_get_version, mem, b.len));
    buf_init(&b, mem, sizeof mem);
    system_put_power(&b, SYSTEM_SHUTDOWN);
    EXPECT(only_whole(decode_system_get_power, mem, b.len));
    EXPECT(refuses(decode_system_get_power, mem, b.len, 0, SYSTEM_POWERS));
}

TEST("bytes of an update are at least one and at most what a message may have")
{
    static uint8_t big[SYSTEM_DATA_MAX + 1];
    struct buf b;
    size_t n;

    buf_init_read(&b, big, 0);
    EXPECT(!system_get_data(&b, &n));
    buf_init_read(&b, big, SYSTEM_DATA_MAX);
    EXPECT(system_get_data(&b, &n) == big && n == SYSTEM_DATA_MAX);
    buf_init_read(&b, big, sizeof big);
    EXPECT(!system_get_data(&b, &n));
    buf_init_read(&b, big, 1);
    EXPECT(system_get_empty(&b) != 0);
}

int main(void)
{
    return test_run();
}
