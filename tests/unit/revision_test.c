/* Is a revision built whole or refused with the place, and is nothing of it left behind? */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/unit/test.h"
#include "tests/unit/world.h"

/* Build from an image as number `number`; the error's text goes to *e. */
static int build(const struct world_spec *s, uint64_t number, struct err *e)
{
    struct control_attach a = {.revision = number, .kind = ATTACH_IMAGE_HANDSHAKE};
    struct revision_parts parts;
    struct revision *r = NULL;
    int rc;

    world_start();
    revision_parts_init(&parts);
    EXPECT(revision_attach(&parts, &a, world_image(s)) == 0);
    rc = revision_build(&parts, number, &r, e);
    EXPECT((rc == 0) == (r != NULL));
    EXPECT(parts.image_fd == -1 && parts.n_crls == 0);
    revision_put(r);
    return rc;
}

TEST("a good image becomes a revision")
{
    struct err e = {0};

    EXPECT(build(&(struct world_spec){.tls12 = true, .tls13 = true}, 1, &e) == 0);
}

TEST("words that OpenSSL does not know are refused where they stand")
{
    static const struct {
        struct world_spec s;
        const char *where;
    } rows[] = {
        {{.groups = "X25519:no-such-group"}, "/profiles/strict/groups"},
        {{.suites13 = "TLS_NO_SUCH_SUITE"}, "/profiles/strict/suites"},
        {{.tls12 = true, .suites12 = "NO-SUCH-CIPHER"}, "/profiles/strict/suites"},
        {{.sigalgs = "no_such_algorithm"}, "/profiles/strict/signature_algorithms"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = {0};

        EXPECT(build(&rows[i].s, 1, &e) < 0);
        EXPECT(!strcmp(e.where, rows[i].where) && e.what[0] && e.fix[0]);
    }
}

TEST("an image of another revision is refused, and freed once")
{
    struct err e = {0};

    EXPECT(build(&(struct world_spec){.revision = 7}, 8, &e) == -EPROTO);
    EXPECT(e.where[0] && e.what[0]);
}

TEST("a revision without its image, or without its lists, is refused")
{
    struct revision_parts parts;
    struct revision *r = NULL;
    struct err e = {0};

    revision_parts_init(&parts);
    EXPECT(revision_build(&parts, 1, &r, &e) == -ENOENT && !r);
    EXPECT(build(&(struct world_spec){.lie_attachments = 2}, 1, &e) == -EPROTO);
}

TEST("a descriptor that comes twice, at no place, or of no kind of ours is closed and refused")
{
    struct control_attach image = {.revision = 1, .kind = ATTACH_IMAGE_HANDSHAKE},
                          far = {.revision = 1, .kind = ATTACH_CRL, .index = REVISION_CRLS_MAX},
                          key = {.revision = 1, .kind = ATTACH_KEY};
    struct revision_parts parts;
    int fd;

    revision_parts_init(&parts);
    EXPECT(revision_attach(&parts, &image, memfd_seal("a", "a", 1)) == 0);
    fd = memfd_seal("b", "b", 1);
    EXPECT(revision_attach(&parts, &image, fd) == -EPROTO && close(fd) == -1);
    fd = memfd_seal("c", "c", 1);
    EXPECT(revision_attach(&parts, &far, fd) == -EPROTO && close(fd) == -1);
    fd = memfd_seal("d", "d", 1);
    EXPECT(revision_attach(&parts, &key, fd) == -EPROTO && close(fd) == -1);
    EXPECT(revision_attach(&parts, &image, -1) == -EPROTO);
    revision_parts_clear(&parts);
}

TEST("a descriptor that is not sealed is refused")
{
    struct control_attach a = {.revision = 1, .kind = ATTACH_IMAGE_HANDSHAKE};
    struct revision_parts parts;
    struct revision *r = NULL;
    struct err e = {0};

    revision_parts_init(&parts);
    EXPECT(revision_attach(&parts, &a, memfd_create("open", MFD_CLOEXEC)) == 0);
    EXPECT(revision_build(&parts, 1, &r, &e) < 0 && !r);
}

TEST("a handshake keeps the revision that it began with")
{
    struct revision *r = (world_start(), world_revision(&(struct world_spec){0}));
    struct talk *t = talk_new(r, &(struct peer_spec){0}, WORLD_IN, 0);

    EXPECT(r->refs == 2);
    revision_put(r);
    talk_run(t); /* the sanitizer watches */
    EXPECT(talk_keyed(t));
    talk_free(t);
}

int main(void)
{
    return test_run();
}
