/* The parts of KEYED by themselves: traffic keys (0), a peer's facts (1), what was negotiated (2).
 */
#include "dataplane/wire/keys.h"
#include "dataplane/wire/facts.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

static int get_keys(struct buf *b, struct traffic_keys *k)
{
    static const struct traffic_keys empty;

    memset(k, 0x5a, sizeof *k);
    traffic_keys_get(b, k);
    check(buf_ok(b) || !memcmp(k, &empty, sizeof empty));
    return buf_done(b) ? 0 : -1;
}

static int get_facts(struct buf *b, struct peer_facts *f)
{
    peer_facts_get(b, f);
    return buf_done(b) ? 0 : -1;
}

static int get_negotiated(struct buf *b, struct negotiated *n)
{
    negotiated_get(b, n);
    return buf_done(b) ? 0 : -1;
}

FUZZ_ROUND(keys, get_keys, traffic_keys_put, struct traffic_keys);
FUZZ_ROUND(facts, get_facts, peer_facts_put, struct peer_facts);
FUZZ_ROUND(negotiated, get_negotiated, negotiated_put, struct negotiated);

static const struct fuzz_kind kinds[] = {{0, round_keys}, {1, round_facts}, {2, round_negotiated}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
