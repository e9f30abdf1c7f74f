/*
 * penstock-seal --NAME VALUE ...: opens the gateway's key-encryption key with the machine's TPM
 * before the gateway starts, and leaves it in a folder in memory, where the launcher looks for it.
 *
 *   what lies there     with a TPM                            without
 *   nothing, new        make one, seal it (L)                 as it is: the launcher makes one
 *   nothing, not new    refuse                                refuse
 *   in clear            seal it (L)                           as it is
 *   sealed              open it; bind it (L) if it was not    refuse
 *
 *   L: 1 seal  2 write beside  3 read, open, compare  4 rename  5 overwrite what was in clear
 *
 * Why: whoever has the disk must not have the stored keys. A sealed key that does not open ends the
 * start: a new one in its place would lose every key that is stored. A version on trial seals
 * nothing, for the one before may have to read it. Owner: root without capabilities; the TPM and
 * the state directory are all that it needs. See DESIGN.md. Never: gives up a key in clear before
 * the sealed one was seen to open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance-image/src/kekfile.h"
#include "appliance-image/src/proved.h"
#include "appliance-image/src/service.h"
#include "appliance-image/src/tpm.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"

#define SECURE_BOOT_AT 0x1ec /* of struct boot_params, which the kernel's own loader fills */
#define SECURE_BOOT_ON 3

#define TRIES  10 /* a TPM may be busy with itself: its own tests, a command that took too long */
#define WAIT_S 2

enum option { STATE, OUT, TPM, BOOT, CMDLINE, ESP, OPTIONS };

static const struct service_option options[OPTIONS] = {
    [STATE] = {"--state", "/state/penstock"},
    [OUT] = {"--out", "/run/penstock-seal"},
    [TPM] = {"--tpm", "device:/dev/tpmrm0"},
    [BOOT] = {"--boot-params", "/sys/kernel/boot_params/data"},
    [CMDLINE] = {"--cmdline", "/proc/cmdline"},
    [ESP] = {"--esp", "/efi"},
};

struct sealer {
    const char *words[OPTIONS];
    int dir, out;
    struct tpm *tpm; /* NULL: there is none */
    struct err no_tpm;
    bool secure_boot; /* and something of it was measured */
    bool settled;     /* the running version is not on trial */
    struct kekfile file;
    uint8_t key[SEALED_KEY];
};

/* ---- what this machine is ---- */

static bool secure_boot_on(const char *path)
{
    uint8_t byte = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    if (pread(fd, &byte, 1, SECURE_BOOT_AT) != 1)
        byte = 0;
    close(fd);
    return byte == SECURE_BOOT_ON;
}

/* A TPM that does not work is as none: what it has sealed stays shut, the rest goes on. */
static void find_tpm(struct sealer *s)
{
    int rc = tpm_open(s->words[TPM], &s->tpm, &s->no_tpm);

    for (unsigned i = 1; rc == -EAGAIN && i < TRIES; i++) {
        sleep(WAIT_S);
        rc = tpm_open(s->words[TPM], &s->tpm, &s->no_tpm);
    }
    if (!rc)
        s->secure_boot = secure_boot_on(s->words[BOOT]) && tpm_measured(s->tpm);
}

/* Only what the TPM can not do now is tried again, not what it refuses. */
static int unseal(struct sealer *s, struct err *e)
{
    int rc = tpm_unseal(s->tpm, &s->file.sealed, s->key, e);

    for (unsigned i = 1; rc == -EAGAIN && i < TRIES; i++) {
        sleep(WAIT_S);
        rc = tpm_unseal(s->tpm, &s->file.sealed, s->key, e);
    }
    return rc;
}

static int open_directories(struct sealer *s, struct err *e)
{
    if (mkdir(s->words[STATE], 0700) && errno != EEXIST)
        return err_set(e, -errno, s->words[STATE], "look at the disk", "can not be made (%s)",
                       strerror(errno));
    s->dir = open(s->words[STATE], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->out = open(s->words[OUT], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0 || s->out < 0)
        return err_set(e, -errno, s->dir < 0 ? s->words[STATE] : s->words[OUT],
                       "see the unit's folders", "can not be opened (%s)", strerror(errno));
    return 0;
}

/* ---- sealing ---- */

/* L3: does it open, from the disk, with what is to be in it? */
static int prove(struct sealer *s, struct err *e)
{
    uint8_t key[SEALED_KEY];
    struct sealed sealed;
    int rc = kekfile_prepared(s->dir, &sealed, e);

    if (!rc)
        rc = tpm_unseal(s->tpm, &sealed, key, e);
    if (!rc && !secret_equal(key, s->key, sizeof key))
        rc = err_set(e, -EIO, "TPM", "see the firmware's settings of the TPM",
                     "another key came out than was put in");
    secret_wipe(key, sizeof key);
    return rc;
}

static int seal(struct sealer *s, struct err *e)
{
    enum sealed_binding binding = s->secure_boot ? SEALED_SECURE_BOOT : SEALED_TPM;
    struct sealed sealed;
    int rc = tpm_seal(s->tpm, binding, s->key, &sealed, e);

    if (!rc)
        rc = kekfile_prepare(s->dir, &sealed, e);
    if (!rc)
        rc = prove(s, e);
    if (!rc)
        rc = kekfile_swap(s->dir, e);
    if (rc) {
        kekfile_drop(s->dir);
        return rc;
    }
    log_event(LOG_INFO, "sealed", "by=tpm secure_boot=%d", s->secure_boot);
    return 0;
}

/* ---- what lies there ---- */

/* For the launcher, in memory. */
static int hand_over(const struct sealer *s, struct err *e)
{
    int fd, rc = 0;

    (void)unlinkat(s->out, "keyring.kek", 0);
    fd = openat(s->out, "keyring.kek", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0 || write(fd, s->key, sizeof s->key) != (ssize_t)sizeof s->key)
        rc = err_set(e, -EIO, s->words[OUT], "free memory", "can not be written to");
    if (fd >= 0)
        close(fd);
    if (rc)
        (void)unlinkat(s->out, "keyring.kek", 0); /* half of a key is none */
    return rc;
}

/* The sealed key counts; a copy in clear that will not go is trouble, but no reason to stand still.
 */
static int deliver(struct sealer *s, struct err *e)
{
    if (kekfile_clean(s->dir, e))
        log_event(LOG_ERROR, "clear_copy", "why=\"%.200s\"", e->what);
    return hand_over(s, e);
}

/* Seal s->key; else the launcher takes what is in clear, or makes it, and says so. */
static int seal_first(struct sealer *s, struct err *e)
{
    const char *why = !s->tpm       ? s->no_tpm.what
                      : !s->settled ? "this version is on trial"
                      : seal(s, e)  ? e->what
                                    : NULL;

    if (!why)
        return deliver(s, e);
    log_event(LOG_WARN, "not_sealed", "why=\"%.200s\"", why);
    return 0;
}

static int on_new(struct sealer *s, struct err *e)
{
    if (getrandom(s->key, sizeof s->key, 0) != (ssize_t)sizeof s->key)
        return err_set(e, -EIO, "penstock-seal", "see the kernel's log", "there is no randomness");
    return seal_first(s, e);
}

static int on_clear(struct sealer *s, struct err *e)
{
    memcpy(s->key, s->file.key, sizeof s->key);
    return seal_first(s, e);
}

static int on_sealed(struct sealer *s, struct err *e)
{
    int rc;

    if (!s->tpm)
        return err_set(e, -ENODEV, "TPM",
                       "start it on its own machine with the TPM enabled; or reset to factory "
                       "settings and restore a backup",
                       "the key-encryption key is sealed by a TPM, and %.200s", s->no_tpm.what);
    rc = unseal(s, e);
    if (rc)
        return rc;
    if (s->secure_boot && s->settled && s->file.sealed.binding == SEALED_TPM && seal(s, e))
        log_event(LOG_WARN, "not_bound", "why=\"%.200s\"", e->what);
    return deliver(s, e);
}

static int run(struct sealer *s, struct err *e)
{
    static int (*const ways[])(struct sealer * s, struct err * e) = {
        [KEKFILE_NEW] = on_new, [KEKFILE_CLEAR] = on_clear, [KEKFILE_SEALED] = on_sealed};
    int rc = open_directories(s, e);

    if (!rc)
        rc = kekfile_look(s->dir, &s->file, e);
    if (rc)
        return rc;
    find_tpm(s);
    s->settled = proved(s->words[CMDLINE], s->words[ESP]);
    return ways[s->file.kind](s, e);
}

int main(int argc, char **argv)
{
    static struct sealer s = {.dir = -1, .out = -1};
    struct err e;
    char text[1100];
    int rc;

    log_init("seal", LOG_INFO);
    if (service_words(options, OPTIONS, argc, argv, s.words)) {
        fprintf(stderr, "usage: penstock-seal [--NAME VALUE]...; see appliance-image/DESIGN.md\n");
        return 2;
    }
    rc = run(&s, &e);
    secret_wipe(&s.file, sizeof s.file);
    secret_wipe(s.key, sizeof s.key);
    tpm_close(s.tpm);
    if (rc)
        fprintf(stderr, "penstock-seal: %s\n", err_text(&e, text, sizeof text));
    return rc ? 1 : 0;
}
