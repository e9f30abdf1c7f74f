/* The messages between the launcher and its children. The input's first byte is a message type. */
#include "dataplane/wire/control.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

static void put_number(struct buf *b, const uint64_t *v)
{
    control_put_number(b, *v);
}

FUZZ_ROUND(number, control_get_number, put_number, uint64_t);
FUZZ_ROUND(channel, control_get_channel, control_put_channel, struct control_channel);
FUZZ_ROUND(attach, control_get_attach, control_put_attach, struct control_attach);
FUZZ_ROUND(load, control_get_load, control_put_load, struct control_load);
FUZZ_ROUND(open, control_get_open, control_put_open, struct control_open);
FUZZ_ROUND(result, control_get_result, control_put_result, struct control_result);
FUZZ_ROUND(refused, control_get_refused, control_put_refused, struct control_refused);
FUZZ_ROUND(dial, control_get_dial, control_put_dial, struct control_dial);

static const struct fuzz_kind kinds[] = {
    {CONTROL_CHANNEL, round_channel}, {CONTROL_ATTACH, round_attach},  {CONTROL_LOAD, round_load},
    {CONTROL_OPEN, round_open},       {CONTROL_OPENED, round_result},  {CONTROL_DIAL, round_dial},
    {CONTROL_REFUSED, round_refused}, {CONTROL_PREPARE, round_number},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
