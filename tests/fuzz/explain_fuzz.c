/* What mgmt asks the judge, and what it is told. fuzz: max_len=8192 */
#include "dataplane/wire/explain.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

FUZZ_ROUND(ask, explain_get_ask, explain_put_ask, struct explain_ask);
FUZZ_ROUND(answer, explain_get_answer, explain_put_answer, struct explain_answer);

static const struct fuzz_kind kinds[] = {
    {EXPLAIN_ASK, round_ask},
    {EXPLAIN_ANSWER, round_answer},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
