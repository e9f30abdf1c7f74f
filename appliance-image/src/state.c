/*
 * penstock-state DEVICE: makes the appliance's state partition ready to be mounted, or says why
 * not.
 *
 * Why: there is no shell in the image to decide this in. A new partition gets a file system; the
 * mark that it is new goes only when that is on the disk, so that a power cut in between starts
 * over. One that is marked for a factory reset is overwritten first, and is new then. A used one is
 * checked. Anything else ends with status 1, and nothing is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance-image/src/partition.h"

#define CHECK_MENDED 1 /* e2fsck(8): errors were corrected; above it: some are left */

static int complain(const char *device, const char *what, const char *fix)
{
    dprintf(STDERR_FILENO, "penstock-state: %s: %s; %s\n", device, what, fix);
    return 1;
}

/* The exit status of a program of the image, or -errno. */
static int run(const char *const argv[])
{
    union {
        const char *const *mine;
        char *const *theirs; /* posix_spawn(3) changes none of them */
    } words = {argv};
    static char path[] = "PATH=/usr/sbin:/usr/bin";
    char *const environment[] = {path, NULL};
    int status;
    pid_t pid;
    int rc = posix_spawn(&pid, argv[0], NULL, NULL, words.theirs, environment);

    if (rc)
        return -rc;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

static int make(int fd, char *device, uint64_t blocks)
{
    char size[32];
    const char *const argv[] = {
        "/usr/sbin/mke2fs", "-q",   "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-L",
        "penstock-state",   device, size, NULL};

    snprintf(size, sizeof(size), "%" PRIu64, blocks);
    if (run(argv))
        return complain(device, "no file system can be made on it", "look at the disk");
    if (partition_begin(fd))
        return complain(device, "it can not be written to", "look at the disk");
    return 0;
}

static int examine(char *device)
{
    const char *const argv[] = {"/usr/sbin/e2fsck", "-p", device, NULL};
    int status = run(argv);

    if (status >= 0 && status <= CHECK_MENDED)
        return 0;
    return complain(device, "its file system has errors that can not be mended unattended",
                    "mend it elsewhere, or bring back a copy; nothing was changed");
}

/* Discarded where the disk can, for a flash keeps copies; and overwritten, for that is certain. */
static int empty(int fd, char *device, uint64_t blocks)
{
    uint64_t range[2] = {0, blocks * PARTITION_BLOCK};

    if (ioctl(fd, BLKSECDISCARD, range))
        (void)ioctl(fd, BLKDISCARD, range);
    if (partition_empty(fd))
        return complain(device, "it can not be emptied", "look at the disk; try again");
    return make(fd, device, blocks);
}

int main(int argc, char **argv)
{
    enum partition_kind kind;
    uint64_t blocks;
    int fd, rc;

    if (argc != 2)
        return complain("usage", "penstock-state DEVICE", "see appliance-image/DESIGN.md");
    fd = open(argv[1], O_RDWR | O_CLOEXEC);
    rc = fd < 0 ? -errno : partition_look(fd, &kind, &blocks);
    if (rc)
        rc = complain(argv[1], strerror(-rc), "look at the disk");
    else if (kind == PARTITION_NEW)
        rc = make(fd, argv[1], blocks);
    else if (kind == PARTITION_OLD)
        rc = empty(fd, argv[1], blocks);
    else if (kind == PARTITION_USED)
        rc = examine(argv[1]);
    else
        rc = complain(argv[1], "it is neither new nor a state partition",
                      "bring back a copy of it; it is not taken for an empty one");
    if (fd >= 0)
        close(fd);
    return rc;
}
