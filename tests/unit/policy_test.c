#include "dataplane/wire/policy.h"
#include "dataplane/wire/policy_codec.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/sample_policy.h"
#include "tests/unit/test.h"

#define DATAPLANE POLICY_SLICE_DATAPLANE
#define HANDSHAKE POLICY_SLICE_HANDSHAKE
#define KEYRING   POLICY_SLICE_KEYRING
#define ALL       (DATAPLANE | HANDSHAKE | KEYRING)
#define MAGIC     "5053504f4c310000"

static struct sample_policy sample;
static uint8_t mem[8192], again[8192];

static size_t encode(uint8_t *out, size_t cap, const struct policy *p, uint8_t slices)
{
    struct buf b;

    buf_init(&b, out, cap);
    policy_encode(&b, p, slices);
    return buf_ok(&b) ? b.len : 0;
}

static size_t put(uint8_t slices)
{
    return encode(mem, sizeof mem, &sample.p, slices);
}

static int get(struct buf *b)
{
    struct policy *p = NULL;
    int rc = policy_decode(b->data, b->len, &p);

    policy_free(p);
    return rc;
}

static struct policy *decoded(uint8_t slices)
{
    struct policy *p = NULL;

    sample_policy(&sample);
    EXPECT(policy_decode(mem, put(slices), &p) == 0);
    return p;
}

/* One link, one listener, one of each table: small enough to be read as bytes. */
static void make_small(void)
{
    sample_policy(&sample);
    sample.p.n_links = sample.p.n_listeners = sample.p.n_identities = sample.p.n_attachments = 1;
    sample.listeners[0].n_links = 1;
    sample.identities[0].n_chain = 1;
    sample.identities[0].key_attachment = 0;
    sample.outer.n_identities = sample.outer.n_alpn = sample.outer.n_rules = 1;
    sample.outer.identities[0] = 0;
    sample.rules[0].n_conds = 1;
    sample.conds[0].n_values = 1;
    sample.uris[0] = "a:b";
    sample.links[SAMPLE_IN].n_server_names = 1;
    sample.links[SAMPLE_IN].n_sources = sample.links[SAMPLE_IN].n_targets = 1;
    sample.links[SAMPLE_IN].source.len = 0;
    sample.trusts[0].n_crls = 1;
    sample.p.dpdk.n_ports = 1;
    sample.ports[0].v6[0].len = 0;
}

/* clang-format off */
#define LISTENER_GOLDEN "0001" "000c302e302e302e303a38343433" "01" "00" "00" "0001" "0000"
#define LINK_GOLDEN     "0001" "0002696e" "02" "00" "0001" "000767772e74657374"
#define TLS_GOLDEN      "01" "00" "0001"

#define KEYRING_GOLDEN \
    MAGIC "000000000000002a" "04" "00002710" "00000032" "0001" \
    "0001" "00026777" "000000036b6579" "09" "0000"

#define DATAPLANE_GOLDEN \
    MAGIC "000000000000002a" "01" "00002710" "00000032" "0001" \
    LINK_GOLDEN TLS_GOLDEN "0001" "00" \
    "0001" "00" "19" "c0000200" X8("00") X4("00") "00" \
    "0001" "00115b323030313a6462383a3a315d3a343433" "000f6170702e6578616d706c653a343433" \
    "02" "0000" \
    "000003e8" "000007d0" "0003" "0001" \
    "00002710" "000001f4" "00000064" "00000000" "00001388" "00000000" "00000000" \
    "0000003c" "0000001e" "00000bb8" \
    LISTENER_GOLDEN \
    "0001" "0002" "0001" "0003" "00000100" "01" \
    "0002" "001063727970746f5f6165736e695f67636d" "000c303030303a33643a30312e30" \
    "00076f757473696465" "000c303030303a30333a30302e30" "000b3139322e302e322e313a30" "18" "0000" "0000" \
    "000d3139322e302e322e3235343a30" "0000" "0007" "05dc"

#define HANDSHAKE_GOLDEN \
    MAGIC "000000000000002a" "02" "00002710" "00000032" "0001" \
    "0001" "00026777" "000000036b6579" "09" "0001" "000000046c656166" \
    "0001" "000764656661756c74" "00" "01" "0000" \
    "0016544c535f4145535f3235365f47434d5f534841333834" "0006583235353139" "000765643235353139" \
    "0001" "0008706172746e657273" "0001" "00000004726f6f74" "0001" "0000" "01" "00" \
    LINK_GOLDEN TLS_GOLDEN \
    "0001" "00026832" "01" "0000" "0000" "0000" "0000" \
    "00" "0001" "00" "0001" "0003613a62" \
    "00" \
    LISTENER_GOLDEN
/* clang-format on */

TEST("the keyring's image has its golden bytes: identities and nothing else")
{
    make_small();
    EXPECT(hex_equal(mem, put(KEYRING), KEYRING_GOLDEN));
    EXPECT(decode(get, mem, put(KEYRING)) == 0);
}

TEST("the data plane's image has its golden bytes: no certificate, no rule")
{
    make_small();
    EXPECT(hex_equal(mem, put(DATAPLANE), DATAPLANE_GOLDEN));
    EXPECT(decode(get, mem, put(DATAPLANE)) == 0);
}

TEST("the handshake process's image has its golden bytes: no target, no limit")
{
    make_small();
    EXPECT(hex_equal(mem, put(HANDSHAKE), HANDSHAKE_GOLDEN));
    EXPECT(decode(get, mem, put(HANDSHAKE)) == 0);
}

TEST("an image of any slices is refused cut anywhere or with a byte more")
{
    sample_policy(&sample);
    for (uint8_t slices = 1; slices <= ALL; slices++)
        EXPECT(only_whole(get, mem, put(slices)));
}

TEST("what was decoded encodes to the same bytes")
{
    for (uint8_t slices = 1; slices <= ALL; slices++) {
        struct policy *p = decoded(slices);
        size_t n = put(slices);
        EXPECT(p && p->slices == slices && encode(again, sizeof again, p, slices) == n);
        EXPECT(!memcmp(mem, again, n));
        policy_free(p);
    }
}

TEST("no change of one bit passes unnoticed: refused, or another policy")
{
    bool right = true;
    size_t n;

    sample_policy(&sample);
    n = put(ALL);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        struct policy *p = NULL;
        mem[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (policy_decode(mem, n, &p) == 0)
            right = right && encode(again, sizeof again, p, ALL) == n && !memcmp(mem, again, n);
        policy_free(p);
        mem[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    EXPECT(right);
}

TEST("the data plane sees links with targets, limits and which sides have TLS")
{
    struct policy *p = decoded(DATAPLANE);
    const struct policy_link *in = &p->links[SAMPLE_IN], *bridge = &p->links[SAMPLE_BRIDGE];

    EXPECT(p->revision == 42 && p->drain_ms == 10000 && p->busy_poll_us == 50 && p->n_links == 3 &&
           p->n_listeners == 2);
    EXPECT(p->listeners[0].tls && p->listeners[0].links[1] == SAMPLE_BRIDGE);
    EXPECT(!strcmp(in->name, "in") && in->outer && !in->inner && bridge->inner->alpn_same);
    EXPECT(in->outer->n_rules == 2 && !in->outer->rules && in->outer->n_alpn == 2);
    EXPECT(!in->outer->alpn && !in->outer->server_name[0]);
    EXPECT(in->n_targets == 2 && !strcmp(in->targets[0].text, "app.example:443"));
    EXPECT(addr_equal(&in->targets[1].addr, &sample.targets[1].addr));
    EXPECT(in->n_sources == 2 && !memcmp(in->sources, sample.sources, sizeof sample.sources));
    EXPECT(in->limits.sessions == 10000 && in->limits.handshake_ms == 5000);
    EXPECT(in->health.timeout_ms == 2000 && in->dial_ms == 3000 && in->proxy == PROXY_V2);
    EXPECT(in->n_server_names == 2 && !strcmp(in->server_names[1], "*.gw.test"));
    EXPECT(p->n_identities == 0 && p->n_trusts == 0 && p->n_profiles == 0);
    policy_free(p);
}

TEST("the handshake process sees identities, trusts, profiles and rules")
{
    struct policy *p = decoded(HANDSHAKE);
    const struct policy_tls *outer = p->links[SAMPLE_IN].outer;
    const struct policy_rule *rule = &outer->rules[0];

    EXPECT(outer->n_identities == 2 && outer->identities[0] == 1);
    EXPECT(p->identities[1].n_chain == 2 && p->identities[1].chain[1].n == 12);
    EXPECT(!memcmp(p->identities[0].chain[0].data, "leaf", 4));
    EXPECT(p->trusts[0].revocation && !p->trusts[0].stale_cuts && p->trusts[0].crls[1] == 1);
    EXPECT(p->profiles[0].tls13 && !strcmp(p->profiles[0].groups, "X25519"));
    EXPECT(rule->n_conds == 2 && rule->conds[0].match == MATCH_URI && !rule->any);
    EXPECT(!strcmp(rule->conds[0].values[1], "spiffe://other.example/**"));
    EXPECT(outer->rules[1].any && outer->rules[1].n_conds == 0);
    EXPECT(!strcmp(p->links[SAMPLE_OUT].inner->server_name, "gw.test"));
    EXPECT(!strcmp(outer->alpn[1], "http/1.1") && p->links[SAMPLE_IN].n_targets == 0);
    policy_free(p);
}

TEST("the keyring sees which key belongs to which identity and what it may sign")
{
    struct policy *p = decoded(KEYRING);

    EXPECT(p->n_identities == 2 && p->n_attachments == 2 && p->n_links == 0);
    EXPECT(p->identities[0].key_attachment == 1 && p->identities[1].key_attachment == 0);
    EXPECT(p->identities[0].uses == (POLICY_USE_SERVER | POLICY_USE_TLS13));
    EXPECT(p->identities[0].spki.n == 3 && p->identities[0].n_chain == 0);
    policy_free(p);
}

TEST("a policy without links is a policy")
{
    memset(&sample.p, 0, sizeof sample.p);
    for (uint8_t slices = 1; slices <= ALL; slices++)
        EXPECT(only_whole(get, mem, put(slices)));
}

TEST("no slice, or one that nobody knows, is refused; another magic too")
{
    size_t n;

    memset(&sample.p, 0, sizeof sample.p);
    EXPECT(decode(get, mem, put(0)) == -EPROTO);
    n = put(KEYRING);
    EXPECT(refuses(get, mem, n, 16, 8));
    EXPECT(refuses(get, mem, n, 5, '2'));
    EXPECT(refuses(get, mem, n, 7, 1));
}

TEST("an encoder without room says so")
{
    sample_policy(&sample);
    EXPECT(encode(again, put(ALL), &sample.p, ALL) > 0);
    EXPECT(encode(again, put(ALL) - 1, &sample.p, ALL) == 0);
}

TEST("more identities than a side can hold are not encoded")
{
    sample_policy(&sample);
    sample.outer.n_identities = 5;
    EXPECT(put(HANDSHAKE) == 0);
}

TEST("an image of POLICY_IMAGE_MAX bytes is read, one of a byte more is not")
{
    uint8_t *huge = malloc(POLICY_IMAGE_MAX + 1), *key = calloc(1, POLICY_IMAGE_MAX);
    struct policy *p = NULL;
    size_t small;

    make_small();
    small = put(KEYRING);
    sample.identities[0].spki.data = key;
    sample.identities[0].spki.n += (uint32_t)(POLICY_IMAGE_MAX - small);
    EXPECT(encode(huge, POLICY_IMAGE_MAX + 1, &sample.p, KEYRING) == POLICY_IMAGE_MAX);
    EXPECT(policy_decode(huge, POLICY_IMAGE_MAX, &p) == 0);
    policy_free(p);
    sample.identities[0].spki.n++;
    EXPECT(encode(huge, POLICY_IMAGE_MAX + 1, &sample.p, KEYRING) == POLICY_IMAGE_MAX + 1);
    EXPECT(policy_decode(huge, POLICY_IMAGE_MAX + 1, &p) == -EPROTO);
    free(huge);
    free(key);
}

TEST("POLICY_LINKS_MAX links are read, one more is not")
{
    size_t cap = 4 * 1024 * 1024;
    uint8_t *large = malloc(cap);
    struct policy_link *links = calloc(POLICY_LINKS_MAX + 1, sizeof *links);
    struct policy *p = NULL;
    size_t n;

    sample_policy(&sample);
    for (unsigned i = 0; i <= POLICY_LINKS_MAX; i++)
        links[i] = sample.links[SAMPLE_OUT];
    sample.p.links = links;
    sample.p.n_links = POLICY_LINKS_MAX;
    sample.p.n_listeners = 0;
    n = encode(large, cap, &sample.p, DATAPLANE);
    EXPECT(policy_decode(large, n, &p) == 0 && p->n_links == POLICY_LINKS_MAX);
    policy_free(p);
    sample.p.n_links++;
    n = encode(large, cap, &sample.p, DATAPLANE);
    EXPECT(n > 0 && policy_decode(large, n, &p) == -EPROTO);
    free(links);
    free(large);
}

TEST("a table gets memory only if the image is long enough for its rows")
{
    struct policy_reader r = {0};

    buf_init_read(&r.b, mem, 10);
    EXPECT(!reader_take(&r, 0, 1602, 2) && buf_ok(&r.b) && !r.arena);
    EXPECT(!reader_take(&r, 6, 1602, 2) && !buf_ok(&r.b) && !r.arena);
    buf_init_read(&r.b, mem, 10);
    EXPECT(reader_take(&r, 5, 1602, 2) && buf_ok(&r.b) && r.arena);
    arena_free(r.arena);
}

TEST("freeing no policy is harmless")
{
    policy_free(NULL);
    EXPECT(policy_decode(NULL, 0, NULL) == -EPROTO);
}

int main(void)
{
    return test_run();
}
