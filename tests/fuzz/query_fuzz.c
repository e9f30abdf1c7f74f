/* What a worker answers to mgmt. fuzz: max_len=8192 */
#include "dataplane/wire/query.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

static void put_number(struct buf *b, const uint64_t *v)
{
    query_put_number(b, *v);
}

static void put_ended(struct buf *b, const int32_t *error)
{
    query_put_ended(b, *error);
}

FUZZ_ROUND(number, query_get_number, put_number, uint64_t);
FUZZ_ROUND(page, query_get_page, query_put_page, struct query_page);
FUZZ_ROUND(peers, query_get_peers, query_put_peers, struct query_peers);
FUZZ_ROUND(stats, query_get_stats, query_put_stats, struct query_stats);
FUZZ_ROUND(ended, query_get_ended, put_ended, int32_t);

static const struct fuzz_kind kinds[] = {
    {QUERY_SESSIONS, round_number},  {QUERY_PAGE, round_page},   {QUERY_PEERS_PAGE, round_peers},
    {QUERY_STATS_PAGE, round_stats}, {QUERY_ENDED, round_ended},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
