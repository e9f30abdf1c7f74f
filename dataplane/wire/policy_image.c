#include "dataplane/wire/policy_image.h"

#include <errno.h>
#include <sys/mman.h>
#include "dataplane/wire/chan.h"

int policy_image_read(int fd, uint64_t revision, uint8_t slice, struct policy **out)
{
    struct policy *p;
    const void *image;
    size_t n;
    int rc = fd < 0 ? -ENOENT : memfd_map(fd, POLICY_IMAGE_MAX, &image, &n);

    if (rc)
        return rc;
    rc = policy_decode(image, n, &p);
    munmap((void *)(uintptr_t)image, n);
    if (rc)
        return rc;
    if ((revision != POLICY_ANY_REVISION && p->revision != revision) || !(p->slices & slice)) {
        policy_free(p);
        return -EPROTO;
    }
    *out = p;
    return 0;
}
