/* kek: does the launcher find, make and guard the key-encryption key? */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/wire/chan.h"
#include "mgmt/launcher/kek.h"
#include "tests/unit/test.h"

static char where[64];

static int begin(void)
{
    unsetenv("CREDENTIALS_DIRECTORY");
    snprintf(where, sizeof where, "/tmp/penstock-kek-XXXXXX");
    return mkdtemp(where) ? open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void end(int dir)
{
    unlinkat(dir, KEK_NAME, 0);
    close(dir);
    rmdir(where);
}

static void put(int dir, const char *bytes, size_t n, mode_t mode)
{
    int fd = openat(dir, KEK_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    EXPECT(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && !fchmod(fd, mode));
    close(fd);
}

/* The bytes that the keyring would get. */
static bool holds(int fd, uint8_t out[KEK_BYTES])
{
    const void *p;
    size_t n;
    bool good = fd >= 0 && !memfd_map(fd, KEK_BYTES, &p, &n) && n == KEK_BYTES;

    if (good) {
        memcpy(out, p, n);
        munmap((void *)(uintptr_t)p, n);
    }
    if (fd >= 0)
        close(fd);
    return good;
}

TEST("a key is made once, for its owner alone, and found again")
{
    uint8_t first[KEK_BYTES], again[KEK_BYTES];
    int dir = begin();
    struct stat st;
    enum kek_kept kept;
    struct err e;

    EXPECT(holds(kek_open(dir, &kept, &e), first) && kept == KEK_FILE);
    EXPECT(!fstatat(dir, KEK_NAME, &st, 0) && (st.st_mode & 07777) == 0600 && st.st_size == 32);
    EXPECT(holds(kek_open(dir, &kept, &e), again) && kept == KEK_FILE);
    EXPECT(!memcmp(first, again, sizeof first));
    end(dir);
}

TEST("a key that is damaged or open to others is refused, and stays as it is")
{
    static const char bytes[] = "0123456789abcdef0123456789abcdef+";
    int dir = begin();
    struct stat st;
    enum kek_kept kept;
    struct err e;

    put(dir, bytes, 31, 0600);
    EXPECT(kek_open(dir, &kept, &e) == -EINVAL && strstr(e.what, "31 bytes"));
    put(dir, bytes, 33, 0600);
    EXPECT(kek_open(dir, &kept, &e) == -EINVAL);
    put(dir, bytes, 32, 0640);
    EXPECT(kek_open(dir, &kept, &e) == -EPERM && strstr(e.fix, "chmod 0600"));
    EXPECT(!fstatat(dir, KEK_NAME, &st, 0) && st.st_size == 32);
    unlinkat(dir, KEK_NAME, 0);
    EXPECT(!symlinkat("/dev/zero", dir, KEK_NAME));
    EXPECT(kek_open(dir, &kept, &e) == -ELOOP);
    end(dir);
}

TEST("a credential of the service manager is taken instead, and no file is made")
{
    static const char bytes[] = "0123456789abcdef0123456789abcdef";
    int credentials = begin(), state;
    char there[sizeof where];
    uint8_t key[KEK_BYTES];
    struct stat st;
    enum kek_kept kept;
    struct err e;

    put(credentials, bytes, 32, 0400);
    memcpy(there, where, sizeof there);
    state = begin();
    setenv("CREDENTIALS_DIRECTORY", there, 1);
    EXPECT(holds(kek_open(state, &kept, &e), key) && kept == KEK_CREDENTIAL);
    EXPECT(!memcmp(key, bytes, sizeof key));
    EXPECT(fstatat(state, KEK_NAME, &st, 0) && errno == ENOENT);
    put(credentials, bytes, 5, 0600);
    EXPECT(kek_open(state, &kept, &e) == -EINVAL); /* and not a file in its place */
    end(state);
    memcpy(where, there, sizeof where);
    end(credentials);
}

/* The file as penstock-seal leaves it. */
static void put_sealed(int dir, enum sealed_binding binding)
{
    const struct sealed s = {.binding = binding, .n_name = 1, .n_public = 1, .n_private = 1};
    uint8_t bytes[SEALED_FILE_MAX];
    size_t n = sealed_put(&s, bytes);

    put(dir, (const char *)bytes, n, 0600);
}

TEST("a key that a TPM has sealed is what was opened of it, or ends the start; it is never made "
     "anew")
{
    static const char bytes[] = "0123456789abcdef0123456789abcdef";
    int opened = begin(), state;
    char there[sizeof where];
    uint8_t key[KEK_BYTES];
    enum kek_kept kept;
    struct stat st;
    struct err e;

    put(opened, bytes, 32, 0400);
    memcpy(there, where, sizeof there);
    state = begin();
    put_sealed(state, SEALED_TPM);
    EXPECT(kek_open(state, &kept, &e) == -ENOKEY && strstr(e.what, "sealed by a TPM"));
    EXPECT(!fstatat(state, KEK_NAME, &st, 0) && st.st_size != KEK_BYTES);
    setenv("CREDENTIALS_DIRECTORY", there, 1);
    EXPECT(holds(kek_open(state, &kept, &e), key) && kept == KEK_TPM);
    EXPECT(!memcmp(key, bytes, sizeof key));
    put_sealed(state, SEALED_SECURE_BOOT);
    EXPECT(holds(kek_open(state, &kept, &e), key) && kept == KEK_TPM_SECURE_BOOT);
    end(state);
    memcpy(where, there, sizeof where);
    end(opened);
}

int main(void)
{
    return test_run();
}
