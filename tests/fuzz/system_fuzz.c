/* What mgmt asks the appliance's helper, and what it is told. */
#include "dataplane/wire/system.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 16];

static void put_version(struct buf *b, const uint64_t *v)
{
    system_put_version(b, *v);
}

static void put_power(struct buf *b, const enum system_power *what)
{
    system_put_power(b, *what);
}

FUZZ_ROUND(activate, system_get_version, put_version, uint64_t);
FUZZ_ROUND(power, system_get_power, put_power, enum system_power);
FUZZ_ROUND(status, system_get_status, system_put_status, struct system_status);
FUZZ_ROUND(done, system_get_done, system_put_done, struct system_done);
FUZZ_ROUND(network, system_get_network, system_put_network, struct system_network);
FUZZ_ROUND(links, system_get_links, system_put_links, struct system_links);
FUZZ_ROUND(time, system_get_time, system_put_time, struct system_time);
FUZZ_ROUND(devices, system_get_devices, system_put_devices, struct system_devices);
FUZZ_ROUND(give, system_get_give, system_put_give, struct system_give);
FUZZ_ROUND(checkup, system_get_checkup, system_put_checkup, struct system_checkup);

/* Settings that are judged good hold no byte that a unit's line could not have. */
static void judge_network(const uint8_t *data, size_t n)
{
    struct system_network m;
    struct err e;
    struct buf b;

    buf_init_read(&b, data, n);
    if (system_get_network(&b, &m) || network_judge(&m.network, &e))
        return;
    for (unsigned i = 0; i < m.network.n_links; i++)
        check(!strpbrk(m.network.links[i].name, "\n[]*?%/ \\"));
}

static void round_and_judge(const uint8_t *data, size_t n)
{
    round_network(data, n);
    judge_network(data, n);
}

static void round_data(const uint8_t *data, size_t n)
{
    struct buf b;
    size_t got;
    const uint8_t *at;

    buf_init_read(&b, data, n);
    at = system_get_data(&b, &got);
    check(!at || (at == data && got == n && n <= SYSTEM_DATA_MAX));
}

static const struct fuzz_kind kinds[] = {
    {SYSTEM_ACTIVATE, round_activate},  {SYSTEM_POWER, round_power},
    {SYSTEM_STATUS, round_status},      {SYSTEM_DONE, round_done},
    {SYSTEM_DATA, round_data},          {SYSTEM_NETWORK_IS, round_and_judge},
    {SYSTEM_LINKS_ARE, round_links},    {SYSTEM_TIME_IS, round_time},
    {SYSTEM_CHECKUP_IS, round_checkup}, {SYSTEM_DEVICES_ARE, round_devices},
    {SYSTEM_GIVE, round_give},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
