/* The messages between a worker and its handshake process. */
#include "dataplane/wire/handoff.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

FUZZ_ROUND(open, handoff_get_open, handoff_put_open, struct handoff_open);
FUZZ_ROUND(feed, handoff_get_feed, handoff_put_feed, struct handoff_feed);
FUZZ_ROUND(id, handoff_get_id, handoff_put_id, struct handoff_id);
FUZZ_ROUND(judge, handoff_get_judge, handoff_put_judge, struct handoff_judge);
FUZZ_ROUND(link, handoff_get_link, handoff_put_link, struct handoff_link);
FUZZ_ROUND(step, handoff_get_step, handoff_put_step, struct handoff_step);
FUZZ_ROUND(failed, handoff_get_failed, handoff_put_failed, struct handoff_failed);
FUZZ_ROUND(judged, handoff_get_judged, handoff_put_judged, struct handoff_judged);

/* The one message with keys: accepted whole, or nothing of them left. */
static void round_keyed(const uint8_t *data, size_t n)
{
    static const struct traffic_keys empty;
    static struct handoff_keyed m;
    struct buf r, w;

    memset(&m, 0x5a, sizeof m);
    buf_init_read(&r, data, n);
    if (handoff_get_keyed(&r, &m)) {
        check(!memcmp(&m.rx, &empty, sizeof empty) && !memcmp(&m.tx, &empty, sizeof empty));
        return;
    }
    buf_init(&w, out, sizeof out);
    handoff_put_keyed(&w, &m);
    check(buf_ok(&w) && w.len == n && !memcmp(out, data, n));
}

static const struct fuzz_kind kinds[] = {
    {HANDOFF_OPEN, round_open},     {HANDOFF_FEED, round_feed},     {HANDOFF_GO, round_id},
    {HANDOFF_NO, round_id},         {HANDOFF_CLOSE, round_id},      {HANDOFF_JUDGE, round_judge},
    {HANDOFF_LINK, round_link},     {HANDOFF_STEP, round_step},     {HANDOFF_KEYED, round_keyed},
    {HANDOFF_FAILED, round_failed}, {HANDOFF_JUDGED, round_judged},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
