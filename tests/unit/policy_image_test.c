#include "dataplane/wire/policy_image.h"
#include <errno.h>
#include <unistd.h>
#include "dataplane/wire/chan.h"
#include "tests/unit/sample_policy.h"
#include "tests/unit/test.h"

static struct sample_policy sample;

/* The sample's key slice, sealed; cut bytes short of its end. */
static int sealed(size_t cut)
{
    static uint8_t mem[8192];
    struct buf b;
    int fd;

    sample_policy(&sample);
    buf_init(&b, mem, sizeof mem);
    policy_encode(&b, &sample.p, POLICY_SLICE_KEYRING);
    EXPECT(buf_ok(&b));
    fd = memfd_seal("policy", mem, b.len - cut);
    EXPECT(fd >= 0);
    return fd;
}

static int read_and_free(int fd, uint64_t revision, uint8_t slice)
{
    struct policy *p = NULL;
    int rc = policy_image_read(fd, revision, slice, &p);

    EXPECT((rc == 0) == (p != NULL));
    policy_free(p);
    return rc;
}

TEST("an image is read as what was compiled, and its descriptor stays the caller's")
{
    struct policy *p = NULL;
    int fd = sealed(0);

    EXPECT(policy_image_read(fd, sample.p.revision, POLICY_SLICE_KEYRING, &p) == 0);
    EXPECT(p && p->revision == sample.p.revision && p->n_identities == sample.p.n_identities);
    policy_free(p);
    EXPECT(read_and_free(fd, POLICY_ANY_REVISION, POLICY_SLICE_KEYRING) == 0);
    EXPECT(read_and_free(fd, POLICY_ANY_REVISION, POLICY_SLICE_DATAPLANE) == -EPROTO);
    EXPECT(close(fd) == 0);
}

TEST("an image of another revision, of another slice, cut short or not there is refused")
{
    int fd = sealed(0), cut = sealed(1);

    EXPECT(read_and_free(fd, sample.p.revision + 1, POLICY_SLICE_KEYRING) == -EPROTO);
    EXPECT(read_and_free(fd, sample.p.revision, POLICY_SLICE_DATAPLANE) == -EPROTO);
    EXPECT(read_and_free(cut, sample.p.revision, POLICY_SLICE_KEYRING) == -EPROTO);
    EXPECT(read_and_free(-1, sample.p.revision, POLICY_SLICE_KEYRING) == -ENOENT);
    close(fd);
    close(cut);
}

TEST("memory that its maker may still change is no image")
{
    int pipes[2];

    EXPECT(pipe(pipes) == 0);
    EXPECT(read_and_free(pipes[0], sample.p.revision, POLICY_SLICE_KEYRING) == -EPERM);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    return test_run();
}
