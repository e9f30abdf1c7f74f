/* Does a ClientHello reach its link whatever it is cut into, and nobody another link's? */
#include <string.h>
#include "dataplane/base/check.h"
#include "tests/unit/test.h"
#include "tests/unit/world.h"

static struct talk *named(const struct world_spec *w, const char *sni)
{
    struct revision *r = (world_start(), world_revision(w));
    struct talk *t = talk_new(r, &(struct peer_spec){.sni = sni}, HANDOFF_LINK_ANY, 1);

    revision_put(r);
    return t;
}

static size_t link_of(const char *sni)
{
    struct talk *t = named(&(struct world_spec){0}, sni);
    size_t chosen;

    talk_run(t);
    EXPECT(talk_keyed(t) && t->links == 1);
    chosen = t->chosen ? t->chosen - 1 : HANDOFF_LINK_ANY;
    talk_free(t);
    return chosen;
}

TEST("a name finds its link, in any case of letters, exact or by wildcard")
{
    EXPECT(link_of("gw.test") == WORLD_A);
    EXPECT(link_of("GW.Test") == WORLD_A);
    EXPECT(link_of("x.wild.test") == WORLD_WILD);
    EXPECT(link_of("X.WILD.TEST") == WORLD_WILD);
}

static bool unrecognized(const char *sni)
{
    struct talk *t = named(&(struct world_spec){0}, sni);

    talk_run(t);
    EXPECT(t->chosen == 0 && t->conn->link == NULL);
    return talk_refused(t, REASON_SERVER_NAME, 112);
}

TEST("a name that no link has, or none at all, hears unrecognized_name")
{
    EXPECT(unrecognized("other.test"));
    EXPECT(unrecognized("wild.test"));
    EXPECT(unrecognized("a.b.wild.test"));
    EXPECT(unrecognized(""));
}

static bool malformed(const char *sni)
{
    struct talk *t = named(&(struct world_spec){0}, sni);

    talk_run(t);
    return talk_refused(t, REASON_SERVER_NAME, 50);
}

TEST("a name with a trailing dot, an empty label or strange bytes hears decode_error")
{
    EXPECT(malformed("gw.test."));
    EXPECT(malformed("gw..test"));
    EXPECT(malformed(".gw.test"));
    EXPECT(malformed("gw test"));
    EXPECT(malformed("*.wild.test"));
    EXPECT(malformed("gw.test/"));
}

TEST("a link that is alone on its address and has names wants one of them too")
{
    struct revision *r = (world_start(), world_revision(&(struct world_spec){0}));
    static const char *const names[] = {"other.test", "", "x.wild.test"};

    for (size_t i = 0; i < 3; i++) {
        struct talk *t = talk_new(r, &(struct peer_spec){.sni = names[i]}, WORLD_A, 1);

        talk_run(t);
        EXPECT(talk_refused(t, REASON_SERVER_NAME, 112));
    }
    revision_put(r);
}

TEST("a link without names takes any, and none")
{
    static const char *const names[] = {"other.test", ""};

    for (size_t i = 0; i < 2; i++) {
        struct talk *t = talk(&(struct world_spec){0}, &(struct peer_spec){.sni = names[i]});

        EXPECT(talk_keyed(t) && !strcmp(t->keyed.negotiated.server_name, names[i]));
        talk_free(t);
    }
}

/* Cut the first flight into records of *arg bytes. */
static size_t cut_hello(struct talk *t, uint8_t *wire, size_t n)
{
    static uint8_t out[WORLD_WIRE];

    if (t->flight > 0)
        return n;
    n = cut_records(wire, n, *(size_t *)t->arg, out, sizeof out);
    memcpy(wire, out, n);
    return n;
}

TEST("a ClientHello cut into records of 1, 2, 5 and 100 bytes finds its link")
{
    static size_t sizes[] = {1, 2, 5, 100};

    for (size_t i = 0; i < 4; i++)
        for (int any = 0; any <= 1; any++) {
            struct revision *r = (world_start(), world_revision(&(struct world_spec){0}));
            struct talk *t = talk_new(r, &(struct peer_spec){.groups = "X25519"},
                                      any ? HANDOFF_LINK_ANY : WORLD_A, 1);

            revision_put(r);
            t->mangle = cut_hello;
            t->arg = &sizes[i];
            talk_run(t);
            EXPECT(talk_keyed(t) && t->conn->link_index == WORLD_A);
            talk_free(t);
        }
}

TEST("a ClientHello cut into records, one to a feed, answers each with one STEP and the last LINK")
{
    struct revision *r = (world_start(), world_revision(&(struct world_spec){0}));
    /* A hybrid's key share alone would be more records than are allowed. */
    struct talk *t = talk_new(r, &(struct peer_spec){.groups = "X25519"}, HANDOFF_LINK_ANY, 1);
    static uint8_t cut[WORLD_WIRE];
    size_t n, at = 0;
    int raw;

    revision_put(r);
    SSL_do_handshake(t->peer);
    raw = BIO_read(SSL_get_wbio(t->peer), t->wire, sizeof t->wire);
    check(raw > 0);
    n = cut_records(t->wire, (size_t)raw, 1, cut, sizeof cut);
    for (; at + 6 < n; at += 6) {
        EXPECT(conn_step(t->conn, cut + at, 6, &t->failure) == CONN_MORE);
        EXPECT(conn_output(t->conn, &(const uint8_t *){NULL}) == 0);
    }
    EXPECT(conn_step(t->conn, cut + at, 6, &t->failure) == CONN_LINK);
    EXPECT(t->conn->link_index == WORLD_A && t->conn->ssl == NULL);
    talk_free(t);
}

TEST("nothing is signed, and no SSL lives, between LINK and GO")
{
    struct talk *t = named(&(struct world_spec){0}, "gw.test");
    uint32_t before = world_start()->process.signer.next;
    int n;

    SSL_do_handshake(t->peer);
    n = BIO_read(SSL_get_wbio(t->peer), t->wire, sizeof t->wire);
    check(n > 0);
    EXPECT(conn_step(t->conn, t->wire, (size_t)n, &t->failure) == CONN_LINK);
    EXPECT(t->conn->ssl == NULL && world_start()->process.signer.next == before);
    EXPECT(conn_step(t->conn, t->wire, (size_t)n, &t->failure) == CONN_FAILED);
    EXPECT(t->failure.reason == REASON_INTERNAL);
    talk_free(t);
}

static void rename_on_retry(struct talk *t)
{
    const char *name = t->arg;

    if (t->flight != 1)
        return;
    SSL_set_tlsext_host_name(t->peer, (char *)(uintptr_t)(name[0] ? name : NULL));
}

static bool renamed(const char *to, uint16_t link, uint16_t listener)
{
    struct revision *r = (world_start(), world_revision(&(struct world_spec){.groups = "P-384"}));
    struct talk *t = talk_new(r, &(struct peer_spec){.groups = "X25519:P-384"}, link, listener);

    revision_put(r);
    t->before = rename_on_retry;
    t->arg = (void *)(uintptr_t)to;
    talk_run(t);
    return talk_refused(t, REASON_SERVER_NAME_CHANGED, 47);
}

TEST("another name after a HelloRetryRequest is illegal, even one that the link would take")
{
    EXPECT(renamed("x.wild.test", HANDOFF_LINK_ANY, 1));
    EXPECT(renamed("other.test", WORLD_IN, 0));
    EXPECT(renamed("", WORLD_IN, 0));
    EXPECT(renamed("", HANDOFF_LINK_ANY, 1));
}

TEST("the same name after a HelloRetryRequest goes on")
{
    struct talk *t = named(&(struct world_spec){.groups = "P-384"}, "gw.test");

    SSL_set1_groups_list(t->peer, (char *)(uintptr_t) "X25519:P-384");
    talk_run(t);
    EXPECT(talk_keyed(t) && t->chosen == WORLD_A + 1u && t->links == 1);
    talk_free(t);
}

int main(void)
{
    return test_run();
}
