/* What mgmt asks the appliance's helper, and what it is told. */
#include "dataplane/wire/system.h"
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
    {SYSTEM_ACTIVATE, round_activate}, {SYSTEM_POWER, round_power}, {SYSTEM_STATUS, round_status},
    {SYSTEM_DONE, round_done},         {SYSTEM_DATA, round_data},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
