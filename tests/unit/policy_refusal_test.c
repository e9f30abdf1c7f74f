/* What a policy image can say but no policy means: each row spoils the sample in one way. */
#include "tests/unit/decode.h"
#include "tests/unit/sample_policy.h"
#include "tests/unit/test.h"

#define D POLICY_SLICE_DATAPLANE
#define H POLICY_SLICE_HANDSHAKE
#define K POLICY_SLICE_KEYRING

static struct sample_policy s;
static char long_text[400];
static const char *one_text[1];

static int get(struct buf *b)
{
    struct policy *p = NULL;
    int rc = policy_decode(b->data, b->len, &p);

    policy_free(p);
    return rc;
}

static int decode_slices(uint8_t slices)
{
    static uint8_t mem[16384];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    policy_encode(&b, &s.p, slices);
    EXPECT(buf_ok(&b));
    return decode(get, mem, b.len);
}

/* A text of n characters, as the only one of a list. */
static const char **text_of(size_t n)
{
    fill(long_text, n, 'a');
    one_text[0] = long_text;
    return one_text;
}

static struct policy_port *nine_ports(void)
{
    static struct policy_port ports[POLICY_PORTS_MAX + 1];

    for (unsigned i = 0; i <= POLICY_PORTS_MAX; i++)
        ports[i] = s.ports[0];
    return ports;
}

/* clang-format off */
#define SPOILS \
    SPOIL("a listener of a link that is not there", D | H, s.plain_links[0] = SAMPLE_LINKS) \
    SPOIL("a listener without a link", D | H, s.listeners[0].n_links = 0) \
    SPOIL("a listener without an address", D | H, s.listeners[0].addr.len = 0) \
    SPOIL("a plain listener before a link with TLS", D | H, s.plain_links[0] = SAMPLE_IN) \
    SPOIL("a listener with TLS before a plain link", D | H, s.tls_links[1] = SAMPLE_OUT) \
    SPOIL("a listener that hides its TLS", D | H, s.listeners[0].tls = false; s.listeners[0].n_links = 1) \
    SPOIL("two links behind a plain listener", D | H, \
          s.listeners[1].links = s.tls_links; s.listeners[1].n_links = 2; \
          s.tls_links[0] = s.tls_links[1] = SAMPLE_OUT; s.p.n_listeners = 1; \
          s.listeners[0] = s.listeners[1]) \
    SPOIL("a PROXY header expected by the link alone", D | H, s.links[SAMPLE_IN].accept_proxy = true) \
    SPOIL("a PROXY header expected by the listener alone", D | H, s.listeners[0].accept_proxy = true) \
    SPOIL("a link that is plain on both sides", D | H, s.links[SAMPLE_OUT].inner = NULL) \
    SPOIL("a link without a name", D | H, s.links[0].name[0] = 0) \
    SPOIL("a link whose name needs quoting", D | H, s.links[0].name[0] = ' ') \
    SPOIL("a link whose name ends a log line", D | H, s.links[0].name[1] = '\n') \
    SPOIL("an engine that is none", D | H, s.links[0].engine = ENGINE_DPDK + 1) \
    SPOIL("an empty server name", D | H, s.names[0] = "") \
    SPOIL("a server name of 256 characters", D | H, s.names[0] = text_of(256)[0]) \
    SPOIL("a listen side that passes ALPN on", D | H, s.outer.alpn_same = true) \
    SPOIL("an originating link that passes ALPN on", D | H, s.inner.alpn_same = true) \
    SPOIL("no target", D, s.links[0].n_targets = 0) \
    SPOIL("a target without an address", D, s.targets[0].addr.len = 0) \
    SPOIL("a PROXY version that is none", D, s.links[0].proxy = PROXY_V2_TLS + 1) \
    SPOIL("a unix path to dial from", D, s.links[0].source = sample_addr("unix:/a")) \
    SPOIL("an IPv4 network of 33 bits", D, s.sources[0].bits = 33) \
    SPOIL("an IPv6 network of 129 bits", D, s.sources[1].bits = 129) \
    SPOIL("an IPv4 network with host bits", D, s.sources[0].ip[3] = 1) \
    SPOIL("an IPv6 network with host bits", D, s.sources[1].ip[4] = 0x40) \
    SPOIL("an IPv4 network with bytes of IPv6", D, s.sources[0].ip[15] = 1) \
    SPOIL("nine ports", D, s.p.dpdk.n_ports = 9; s.p.dpdk.ports = nine_ports()) \
    SPOIL("a processor that no machine has", D, s.p.dpdk.lcores[0] = 1024) \
    SPOIL("no processor", D, s.p.dpdk.n_lcores = 0) \
    SPOIL("too little memory for packets", D, s.p.dpdk.memory_mb = 63) \
    SPOIL("a crypto device without a name", D, s.p.dpdk.crypto[1][0] = 0) \
    SPOIL("a crypto device that is an option", D, s.p.dpdk.crypto[0][0] = '-') \
    SPOIL("a port without a name", D, s.ports[0].name[0] = 0) \
    SPOIL("a port without a device", D, s.ports[0].device[0] = 0) \
    SPOIL("a device that is an option", D, s.ports[0].device[0] = '-') \
    SPOIL("a device that is two words", D, s.ports[0].device[4] = ' ') \
    SPOIL("a port without an address", D, s.ports[1].v4.len = 0; s.ports[1].v4_prefix = 0) \
    SPOIL("an IPv6 address for the IPv4 one", D, s.ports[0].v4 = s.ports[0].v6[0]) \
    SPOIL("a port's address with a port", D, s.ports[0].v4 = sample_addr("192.0.2.1:1")) \
    SPOIL("a network of a port of 33 bits", D, s.ports[0].v4_prefix = 33) \
    SPOIL("a second IPv6 address without a first", D, \
          s.ports[0].v6[1] = s.ports[0].v6[0]; s.ports[0].v6[0].len = 0) \
    SPOIL("an IPv6 gateway without an address", D, s.ports[1].gateway6 = sample_addr("[2001:db8::9]:0")) \
    SPOIL("a tag of no VLAN", D, s.ports[0].vlan = 4095) \
    SPOIL("an MTU below the least", D, s.ports[0].mtu = 575) \
    SPOIL("an MTU beyond the largest", D, s.ports[0].mtu = 9001) \
    SPOIL("a listener of two engines", D | H, s.links[SAMPLE_IN].engine = ENGINE_DPDK) \
    SPOIL("a side with an identity that is not there", H, s.outer.identities[1] = 2) \
    SPOIL("a listen side without an identity", H, s.outer.n_identities = 0) \
    SPOIL("a side with a trust that is not there", H, s.inner.trust = 1) \
    SPOIL("a side with a profile that is not there", H, s.inner.profile = 1) \
    SPOIL("a side with no trust", H, s.inner.trust = POLICY_NONE) \
    SPOIL("a listen side that names a server", H, s.outer.server_name = "gw.test") \
    SPOIL("a forward side with a name of 256 characters", H, s.inner.server_name = text_of(256)[0]) \
    SPOIL("an empty ALPN", H, s.alpn[0] = "") \
    SPOIL("an ALPN of 64 characters", H, s.alpn[0] = text_of(64)[0]) \
    SPOIL("a rule that is empty", H, s.rules[0].n_conds = 0) \
    SPOIL("a rule that allows any, but asks for something", H, s.rules[0].any = true) \
    SPOIL("a condition without values", H, s.conds[0].n_values = 0) \
    SPOIL("a condition with an empty value", H, s.uris[1] = "") \
    SPOIL("a condition on what nobody knows", H, s.conds[0].match = MATCH_COUNT) \
    SPOIL("a CRL that does not come along", H, s.crls[0] = 2) \
    SPOIL("a trust without a name", H, s.trusts[0].name[0] = 0) \
    SPOIL("an empty anchor", H, s.anchors[0].n = 0) \
    SPOIL("a profile without a version", H, s.profiles[0].tls13 = false) \
    SPOIL("a profile without a name", H, s.profiles[0].name[0] = 0) \
    SPOIL("an identity without a certificate", H, s.identities[0].n_chain = 0) \
    SPOIL("an empty certificate", H, s.chain[1].n = 0) \
    SPOIL("an identity without a name", H | K, s.identities[0].name[0] = 0) \
    SPOIL("an identity without a public key", H | K, s.identities[0].spki.n = 0) \
    SPOIL("an identity for uses that nobody knows", H | K, s.identities[0].uses = 16) \
    SPOIL("a key that does not come along", K, s.identities[1].key_attachment = 2) \
    SPOIL("a key of no attachment", K, s.identities[1].key_attachment = POLICY_NONE)
/* clang-format on */

static unsigned which;

static void spoil(unsigned row)
{
#define SPOIL(sentence, slices, change)                                                            \
    if (row == i++) {                                                                              \
        change;                                                                                    \
    }
    unsigned i = 0;
    SPOILS
#undef SPOIL
}

static const struct {
    const char *sentence;
    uint8_t slices;
} rows[] = {
#define SPOIL(sentence, slices, change) {sentence, slices},
    SPOILS
#undef SPOIL
};

/* Refused in every image that carries it, taken in every one that does not. */
static void run_row(void)
{
    unsigned row = which++;

    sample_policy(&s);
    for (uint8_t slices = 1; slices < 8; slices++)
        EXPECT(decode_slices(slices) == 0);
    spoil(row);
    for (uint8_t slices = 1; slices < 8; slices++)
        EXPECT(decode_slices(slices) == (slices & rows[row].slices ? -EPROTO : 0));
}

TEST("bounds are exact: what is just inside is taken")
{
    sample_policy(&s);
    s.alpn[0] = text_of(63)[0];
    EXPECT(decode_slices(H) == 0);
    sample_policy(&s);
    s.names[0] = s.inner.server_name = text_of(255)[0];
    EXPECT(decode_slices(D | H) == 0);
    sample_policy(&s);
    s.sources[0].bits = 32;
    s.sources[1].bits = 128;
    s.sources[1].ip[15] = 1;
    s.links[0].source.len = 0;
    EXPECT(decode_slices(D) == 0);
    sample_policy(&s);
    fill(s.links[0].name, POLICY_NAME_MAX - 1, 'Z');
    memcpy(s.links[1].name, "-._09azAZ", 10);
    s.outer.n_rules = 0;
    s.identities[0].uses = 15;
    s.trusts[0].n_anchors = s.trusts[0].n_crls = 0;
    EXPECT(decode_slices(D | H | K) == 0);
}

int main(void)
{
    static struct test_case cases[sizeof rows / sizeof rows[0]];
    static char names[sizeof rows / sizeof rows[0]][120];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(names[i], sizeof names[i], "refused: %s", rows[i].sentence);
        cases[i] = (struct test_case){names[i], run_row, NULL};
        test_add(&cases[i]);
    }
    return test_run();
}
