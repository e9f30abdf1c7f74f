/* kekfile: is a clear key given up only for a sealed one, in steps that a power cut may end? */
#include "appliance-image/src/kekfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance-image/src/proved.h"
#include "tests/unit/test.h"

static const char clear[] = "0123456789abcdef0123456789abcdef";
static char where[64];

static int begin(void)
{
    snprintf(where, sizeof where, "/tmp/penstock-kekfile-XXXXXX");
    return mkdtemp(where) ? open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

static void end(int dir)
{
    static const char *const names[] = {"keyring.kek", "keyring.kek.new", "keyring.kek.clear"};

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        unlinkat(dir, names[i], 0);
    unlinkat(dir, "mgmt", AT_REMOVEDIR);
    close(dir);
    EXPECT(!rmdir(where)); /* nothing else was left */
}

static void put(int dir, const char *name, const void *bytes, size_t n, mode_t mode)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    EXPECT(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && !fchmod(fd, mode));
    close(fd);
}

static bool is_there(int dir, const char *name)
{
    struct stat st;

    return !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW);
}

static struct sealed sample(enum sealed_binding binding)
{
    return (struct sealed){.binding = binding,
                           .n_name = 1,
                           .n_public = 1,
                           .n_private = 1,
                           .name = {1},
                           .public_part = {2},
                           .private_part = {3}};
}

TEST("a directory without the key is new, unless the gateway has started in it")
{
    int dir = begin();
    struct kekfile f;
    struct err e;

    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_NEW);
    EXPECT(!mkdirat(dir, "mgmt", 0700));
    EXPECT(kekfile_look(dir, &f, &e) == -ENOENT && strstr(e.what, "gone") &&
           strstr(e.fix, "restore a backup"));
    end(dir);
}

TEST("a key that is damaged or that others may read is refused, and stays as it is")
{
    uint8_t bytes[SEALED_FILE_MAX + 2] = {0};
    struct sealed s = sample(SEALED_TPM);
    int dir = begin();
    struct kekfile f;
    struct err e;
    size_t n = sealed_put(&s, bytes);

    put(dir, "keyring.kek", clear, 31, 0600);
    EXPECT(kekfile_look(dir, &f, &e) == -EPROTO && strstr(e.what, "damaged"));
    put(dir, "keyring.kek", "", 0, 0600);
    EXPECT(kekfile_look(dir, &f, &e) == -EPROTO);
    put(dir, "keyring.kek", bytes, n - 1, 0600);
    EXPECT(kekfile_look(dir, &f, &e) == -EPROTO);
    put(dir, "keyring.kek", bytes, n + 2, 0600);
    EXPECT(kekfile_look(dir, &f, &e) == -EPROTO);
    put(dir, "keyring.kek", clear, 32, 0644);
    EXPECT(kekfile_look(dir, &f, &e) == -EPERM);
    put(dir, "keyring.kek", clear, 32, 0600);
    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_CLEAR && !memcmp(f.key, clear, 32));
    unlinkat(dir, "keyring.kek", 0);
    EXPECT(!symlinkat("/etc/hostname", dir, "keyring.kek"));
    EXPECT(kekfile_look(dir, &f, &e) == -ELOOP);
    end(dir);
}

TEST("a sealed key takes the place of one in clear, whose bytes are overwritten")
{
    struct sealed s = sample(SEALED_SECURE_BOOT), got;
    uint8_t bytes[32];
    int dir = begin(), old;
    struct kekfile f;
    struct err e;

    put(dir, "keyring.kek", clear, 32, 0600);
    old = openat(dir, "keyring.kek", O_RDONLY);
    EXPECT(!kekfile_prepare(dir, &s, &e) && !kekfile_prepared(dir, &got, &e));
    EXPECT(!memcmp(&got, &s, sizeof s));
    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_CLEAR); /* it counts later */
    EXPECT(!kekfile_swap(dir, &e));
    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_SEALED &&
           f.sealed.binding == SEALED_SECURE_BOOT);
    EXPECT(is_there(dir, "keyring.kek.clear") && !is_there(dir, "keyring.kek.new"));
    EXPECT(!kekfile_clean(dir, &e) && !is_there(dir, "keyring.kek.clear"));
    EXPECT(pread(old, bytes, 32, 0) == 32 && !memcmp(bytes, (uint8_t[32]){0}, 32));
    EXPECT(!kekfile_clean(dir, &e)); /* nothing is left to do */
    close(old);
    end(dir);
}

TEST("a key in clear that can not be looked at is not replaced: nothing would overwrite it")
{
    int dir = begin();
    const struct sealed s = sample(SEALED_TPM);
    struct kekfile f;
    struct err e;

    put(dir, "keyring.kek", clear, 32, 0640);
    EXPECT(!kekfile_prepare(dir, &s, &e) && kekfile_swap(dir, &e) == -EPERM);
    put(dir, "keyring.kek", clear, 32, 0600);
    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_CLEAR && !memcmp(f.key, clear, 32));
    EXPECT(!kekfile_swap(dir, &e) && !kekfile_look(dir, &f, &e) && f.kind == KEKFILE_SEALED);
    end(dir);
}

TEST("after a power cut at any step there is one key that counts, and the steps go on")
{
    struct sealed s = sample(SEALED_TPM);
    int dir = begin();
    struct kekfile f;
    struct err e;

    put(dir, "keyring.kek", clear, 32, 0600);
    put(dir, "keyring.kek.new", clear, 5, 0600); /* half written */
    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_CLEAR);
    EXPECT(!linkat(dir, "keyring.kek", dir, "keyring.kek.clear", 0)); /* named, not yet replaced */
    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_CLEAR);
    EXPECT(!kekfile_prepare(dir, &s, &e) && !kekfile_swap(dir, &e));
    EXPECT(!kekfile_look(dir, &f, &e) && f.kind == KEKFILE_SEALED);
    EXPECT(!kekfile_clean(dir, &e) && !is_there(dir, "keyring.kek.clear"));
    end(dir);
}

TEST("a sealed key that another one replaces leaves nothing behind")
{
    struct sealed first = sample(SEALED_TPM), second = sample(SEALED_SECURE_BOOT);
    int dir = begin();
    struct kekfile f;
    struct err e;

    EXPECT(!kekfile_prepare(dir, &first, &e) && !kekfile_swap(dir, &e));
    EXPECT(!kekfile_prepare(dir, &second, &e) && !kekfile_swap(dir, &e));
    EXPECT(!is_there(dir, "keyring.kek.clear"));
    EXPECT(!kekfile_look(dir, &f, &e) && f.sealed.binding == SEALED_SECURE_BOOT);
    EXPECT(!kekfile_prepare(dir, &first, &e));
    kekfile_drop(dir);
    EXPECT(!is_there(dir, "keyring.kek.new"));
    end(dir);
}

#define UUID "000102030405060708090a0b0c0d0e0f"

TEST("a version has proved itself where its one kernel image says so")
{
    static const struct {
        const char *name;
        bool proved;
    } rows[] = {{"penstock-20261129005000-" UUID ".efi", true},
                {"penstock-20261129005000-" UUID "+0-0.efi", true}, /* went back from, and to it */
                {"penstock-20261129005000-" UUID "+2-1.efi", false},
                {"penstock-20261129005000-" UUID "+0-3.efi", false},
                {"penstock-20261129005000-" UUID ".stored", false},
                {"penstock-20261129005000-ff0102030405060708090a0b0c0d0e0f.efi", false},
                {"other.efi", false}};
    int dir = begin(), esp;
    char line[96];

    snprintf(line, sizeof line, "%s/cmdline", where);
    put(dir, "cmdline", "quiet roothash=" UUID UUID "\n", 80, 0600);
    EXPECT(!proved(line, where)); /* there is no folder */
    EXPECT(!mkdirat(dir, "EFI", 0700) && !mkdirat(dir, "EFI/Linux", 0700));
    esp = openat(dir, "EFI/Linux", O_RDONLY | O_DIRECTORY);
    EXPECT(!proved(line, where));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put(esp, rows[i].name, "", 0, 0600);
        EXPECT(proved(line, where) == rows[i].proved);
        unlinkat(esp, rows[i].name, 0);
    }
    put(dir, "cmdline", "quiet\n", 6, 0600);
    put(esp, rows[0].name, "", 0, 0600);
    EXPECT(!proved(line, where));
    unlinkat(esp, rows[0].name, 0);
    close(esp);
    unlinkat(dir, "EFI/Linux", AT_REMOVEDIR);
    unlinkat(dir, "EFI", AT_REMOVEDIR);
    unlinkat(dir, "cmdline", 0);
    end(dir);
}

int main(void)
{
    return test_run();
}
