/* What mgmt tells the helper that speaks VRRP, and what it is told. */
#include "dataplane/wire/vrrp.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 12];

FUZZ_ROUND(set, vrrp_get_set, vrrp_put_set, struct vrrp_set);
FUZZ_ROUND(health, vrrp_get_health, vrrp_put_health, bool);
FUZZ_ROUND(status, vrrp_get_status, vrrp_put_status, struct vrrp_status);

static const struct fuzz_kind kinds[] = {
    {VRRP_SET, round_set},
    {VRRP_HEALTH, round_health},
    {VRRP_STATE, round_status},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
