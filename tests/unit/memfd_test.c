#include "dataplane/wire/chan.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "tests/unit/test.h"

static const int all_seals[] = {F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL};

static void unmap(const void *p, size_t n)
{
    munmap((void *)(uintptr_t)p, n);
}

TEST("what is sealed maps, reads the same, and its descriptor stays the caller's")
{
    const void *data = NULL;
    size_t n = 0;
    int fd = memfd_seal("test", "ten bytes.", 10);

    EXPECT(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT(memfd_map(fd, 10, &data, &n) == 0);
    EXPECT(n == 10 && !memcmp(data, "ten bytes.", 10));
    EXPECT(close(fd) == 0);
    EXPECT(!memcmp(data, "ten bytes.", 10)); /* the mapping outlives the descriptor */
    unmap(data, n);
}

TEST("several megabytes are sealed and mapped whole")
{
    size_t size = 5 * 1024 * 1024 + 3, n = 0;
    uint8_t *source = malloc(size);
    const void *data = NULL;
    int fd;

    for (size_t i = 0; i < size; i++)
        source[i] = (uint8_t)(i % 251);
    fd = memfd_seal("test", source, size);
    EXPECT(memfd_map(fd, size, &data, &n) == 0 && n == size && !memcmp(data, source, size));
    unmap(data, n);
    free(source);
    close(fd);
}

TEST("what is sealed can be neither written, resized nor sealed otherwise")
{
    int fd = memfd_seal("test", "ten bytes.", 10);

    EXPECT(pwrite(fd, "x", 1, 0) < 0 && errno == EPERM);
    EXPECT(ftruncate(fd, 5) < 0 && errno == EPERM);
    EXPECT(ftruncate(fd, 20) < 0 && errno == EPERM);
    EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
    EXPECT(mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    close(fd);
}

TEST("one that lacks any seal is not mapped")
{
    for (size_t missing = 0; missing < 4; missing++) {
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING), seals = 0;
        const void *data = NULL;
        size_t n = 0;

        EXPECT(write(fd, "ten bytes.", 10) == 10);
        for (size_t i = 0; i < 4; i++)
            if (i != missing)
                seals |= all_seals[i];
        EXPECT(fcntl(fd, F_ADD_SEALS, seals) == 0);
        EXPECT(memfd_map(fd, 100, &data, &n) == -EPERM && !data && !n);
        close(fd);
    }
}

TEST("an ordinary file, a pipe and a closed descriptor are not mapped")
{
    FILE *file = tmpfile();
    const void *data = NULL;
    size_t n = 0;
    int pipes[2];

    EXPECT(file && fputs("ten bytes.", file) > 0 && fflush(file) == 0);
    EXPECT(memfd_map(fileno(file), 100, &data, &n) == -EPERM);
    EXPECT(pipe(pipes) == 0);
    EXPECT(memfd_map(pipes[0], 100, &data, &n) == -EPERM);
    EXPECT(memfd_map(-1, 100, &data, &n) < 0 && !data && !n);
    fclose(file);
    close(pipes[0]);
    close(pipes[1]);
}

TEST("one that is larger than expected, or empty, is not mapped")
{
    int large = memfd_seal("test", "ten bytes.", 10), empty = memfd_seal("test", NULL, 0);
    const void *data = NULL;
    size_t n = 0;

    EXPECT(memfd_map(large, 9, &data, &n) == -EFBIG && !data && !n);
    EXPECT(empty >= 0 && memfd_map(empty, 10, &data, &n) == -ENODATA && !data && !n);
    close(large);
    close(empty);
}

TEST("mapping does not move the offset that other holders of the file share")
{
    int fd = memfd_seal("test", "ten bytes.", 10);
    const void *data = NULL;
    size_t n = 0;

    EXPECT(lseek(fd, 3, SEEK_SET) == 3);
    EXPECT(memfd_map(fd, 10, &data, &n) == 0);
    EXPECT(lseek(fd, 0, SEEK_CUR) == 3);
    unmap(data, n);
    close(fd);
}

/* Lower a limit of this process for a moment. */
static struct rlimit limit_to(int what, rlim_t n)
{
    struct rlimit before, now;

    EXPECT(getrlimit((__rlimit_resource_t)what, &before) == 0);
    now = (struct rlimit){.rlim_cur = n, .rlim_max = before.rlim_max};
    EXPECT(setrlimit((__rlimit_resource_t)what, &now) == 0);
    return before;
}

TEST("without descriptors or room nothing is sealed and nothing is left open")
{
    int next = dup(0);
    struct rlimit before;

    close(next);
    signal(SIGXFSZ, SIG_IGN);
    before = limit_to(RLIMIT_FSIZE, 5);
    EXPECT(memfd_seal("test", "ten bytes.", 10) == -EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
    before = limit_to(RLIMIT_NOFILE, (rlim_t)next);
    EXPECT(memfd_seal("test", "ten bytes.", 10) == -EMFILE);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT(dup(0) == next && close(next) == 0);
}

int main(void)
{
    return test_run();
}
