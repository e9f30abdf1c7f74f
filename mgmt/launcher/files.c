#include "mgmt/launcher/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "dataplane/wire/chan.h"

static const size_t size_max[] = {[OPEN_CERTIFICATE] = FILES_CERTIFICATE_MAX,
                                  [OPEN_CRL] = FILES_CRL_MAX,
                                  [OPEN_KEY] = FILES_KEY_MAX};

void files_init(struct files *f)
{
    memset(f, 0, sizeof(*f));
    f->dir = -1;
}

void files_fini(struct files *f)
{
    files_forget(f);
    free(f->keys);
    if (f->dir >= 0)
        close(f->dir);
    files_init(f);
}

/* A regular file of at most max bytes, or -errno. */
static int open_regular(int dir, const char *path, size_t max, struct stat *st)
{
    /* O_NONBLOCK: a pipe in its place must not hang us; it means nothing to a regular file. */
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, st))
        rc = -errno;
    else if (S_ISDIR(st->st_mode))
        rc = -EISDIR;
    else if (!S_ISREG(st->st_mode))
        rc = -EINVAL;
    else if ((uint64_t)st->st_size > max)
        rc = -EFBIG;
    if (!rc)
        return fd;
    close(fd);
    return rc;
}

/* Read all of fd, at most cap bytes. Bytes or -errno; -EFBIG if there are more. */
static ssize_t read_all(int fd, uint8_t *mem, size_t cap)
{
    size_t n = 0;

    for (;;) {
        uint8_t beyond;
        ssize_t got = n < cap ? pread(fd, mem + n, cap - n, (off_t)n)
                              : pread(fd, &beyond, 1, (off_t)n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return (ssize_t)n;
        if (n == cap)
            return -EFBIG;
        n += (size_t)got;
    }
}

/* A sealed copy of what fd holds; the bytes in between are wiped. Descriptor or -errno. */
static int copy_sealed(int fd, const char *name, size_t size, size_t max)
{
    size_t cap = size + 1 < max ? size + 1 : max; /* it may have grown by a little */
    uint8_t *mem = malloc(cap);
    ssize_t n;
    int rc;

    if (!mem)
        return -ENOMEM;
    n = read_all(fd, mem, cap);
    rc = n < 0 ? (int)n : memfd_seal(name, mem, (size_t)n);
    secret_wipe(mem, cap);
    free(mem);
    return rc;
}

static int open_directory_of(const char *path)
{
    char copy[PATH_MAX];
    int fd;

    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
        return -ENAMETOOLONG;
    fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int files_read_config(struct files *f, const char *path)
{
    struct stat st;
    int fd, dir, text;

    fd = open_regular(AT_FDCWD, path, FILES_CONFIG_MAX, &st);
    if (fd < 0)
        return fd;
    text = copy_sealed(fd, "penstock-config", (size_t)st.st_size, FILES_CONFIG_MAX);
    close(fd);
    if (text < 0)
        return text;
    dir = open_directory_of(path);
    if (dir < 0) {
        close(text);
        return dir;
    }
    if (f->dir >= 0)
        close(f->dir);
    f->dir = dir;
    return text;
}

static struct key_copy *find(struct files *f, uint32_t token)
{
    for (unsigned i = 0; i < f->n_keys; i++) {
        if (f->keys[i].token == token)
            return &f->keys[i];
    }
    return NULL;
}

static int make_room(struct files *f)
{
    unsigned cap = f->cap_keys ? f->cap_keys * 2 : 16;
    struct key_copy *keys;

    if (f->n_keys < f->cap_keys)
        return 0;
    if (cap > FILES_KEYS_MAX)
        return -ENOBUFS;
    keys = realloc(f->keys, cap * sizeof(*keys));
    if (!keys)
        return -ENOMEM;
    f->keys = keys;
    f->cap_keys = cap;
    return 0;
}

static void drop_copy(struct key_copy *k)
{
    close(k->fd);
    free(k->module);
}

/* Takes module, also on failure. */
static int keep_key(struct files *f, uint32_t token, int fd, char *module)
{
    struct key_copy *k = find(f, token);
    int rc;

    if (!k) {
        rc = make_room(f);
        if (rc) {
            free(module);
            return rc;
        }
        k = &f->keys[f->n_keys++];
    } else {
        drop_copy(k);
    }
    *k = (struct key_copy){.token = token, .fd = fd, .module = module};
    return 0;
}

static void warn_if_open(const char *path, const struct stat *st)
{
    char quoted[CONTROL_PATH_MAX + 64];

    if (st->st_mode & 077)
        log_event(LOG_WARN, "key_file_open_to_others", "path=%s mode=%04o fix=\"chmod 0600\"",
                  log_quote(quoted, sizeof(quoted), path, strlen(path)),
                  (unsigned)st->st_mode & 07777);
}

static int open_key(struct files *f, const struct control_open *m, int fd, const struct stat *st)
{
    int copy, rc;

    warn_if_open(m->path, st);
    copy = copy_sealed(fd, "penstock-key", (size_t)st->st_size, FILES_KEY_MAX);
    if (copy < 0)
        return copy;
    rc = keep_key(f, m->token, copy, NULL);
    if (rc)
        close(copy);
    return rc;
}

/* The PIN in a file: one line. Bytes, or -errno. */
static ssize_t read_pin(struct files *f, const char *path, uint8_t pin[PKCS11_PIN_MAX + 2])
{
    struct stat st;
    int fd = open_regular(f->dir, path, PKCS11_PIN_MAX + 2, &st);
    ssize_t n;

    if (fd < 0)
        return fd == -EFBIG ? -ERANGE : fd;
    warn_if_open(path, &st);
    n = read_all(fd, pin, PKCS11_PIN_MAX + 2);
    close(fd);
    while (n > 0 && (pin[n - 1] == '\n' || pin[n - 1] == '\r'))
        n--;
    if (n == -EFBIG || n == 0 || n > PKCS11_PIN_MAX || (n > 0 && memchr(pin, '\n', (size_t)n)))
        return -ERANGE;
    return n;
}

/* What goes to the token process, sealed; the PIN is wiped here. */
static int seal_token_key(struct files *f, const char *text, const struct pkcs11_uri *u)
{
    uint8_t pin[PKCS11_PIN_MAX + 2], mem[PKCS11_URI_MAX + PKCS11_PIN_MAX + 16];
    struct token_key k = {.pin = pin};
    ssize_t n = u->given & PKCS11_PIN_SOURCE ? read_pin(f, u->pin_source, pin) : 0;
    struct buf b;
    int rc = (int)n;

    if (n >= 0) {
        k.n_pin = (size_t)n;
        snprintf(k.uri, sizeof(k.uri), "%s", text);
        buf_init(&b, mem, sizeof(mem));
        token_key_put(&b, &k);
        rc = buf_ok(&b) ? memfd_seal("penstock-token", mem, b.len) : -EINVAL;
    }
    secret_wipe(pin, sizeof(pin));
    secret_wipe(mem, sizeof(mem));
    return rc;
}

static int open_token(struct files *f, const struct control_open *m)
{
    static const struct modules by_place;
    char path[PATH_MAX], *module;
    struct pkcs11_uri u = {0};
    int fd, rc;

    if (pkcs11_parse(&u, m->path, "", NULL))
        return -EINVAL; /* mgmt judged it */
    rc = modules_find(f->modules ? f->modules : &by_place, &u, path);
    if (rc)
        return rc;
    fd = seal_token_key(f, m->path, &u);
    if (fd < 0)
        return fd;
    module = strdup(path);
    rc = module ? keep_key(f, m->token, fd, module) : -ENOMEM;
    if (rc)
        close(fd);
    return rc;
}

int files_open(struct files *f, const struct control_open *m, int *fd)
{
    struct stat st;
    int opened, rc;

    if (m->kind > OPEN_TOKEN || f->dir < 0 || !m->path[0])
        return -EINVAL;
    if (m->kind == OPEN_TOKEN) {
        rc = open_token(f, m);
        if (!rc)
            *fd = -1;
        return rc;
    }
    opened = open_regular(f->dir, m->path, size_max[m->kind], &st);
    if (opened < 0)
        return opened;
    if (m->kind != OPEN_KEY) {
        *fd = opened;
        return 0;
    }
    rc = open_key(f, m, opened, &st);
    close(opened);
    if (!rc)
        *fd = -1;
    return rc;
}

int files_key(struct files *f, uint32_t token, uint64_t revision)
{
    struct key_copy *k = find(f, token);

    if (!k)
        return -ENOENT;
    k->revision = revision;
    return k->fd;
}

const char *files_module(struct files *f, uint32_t token)
{
    const struct key_copy *k = find(f, token);

    return k ? k->module : NULL;
}

void files_applied(struct files *f, uint64_t revision)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < f->n_keys; i++) {
        if (f->keys[i].revision != revision) {
            drop_copy(&f->keys[i]);
            continue;
        }
        f->keys[i].applied = true;
        f->keys[kept++] = f->keys[i];
    }
    f->n_keys = kept;
}

void files_refused(struct files *f)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < f->n_keys; i++) {
        if (f->keys[i].applied)
            f->keys[kept++] = f->keys[i];
        else
            drop_copy(&f->keys[i]);
    }
    f->n_keys = kept;
}

void files_forget(struct files *f)
{
    for (unsigned i = 0; i < f->n_keys; i++)
        drop_copy(&f->keys[i]);
    f->n_keys = 0;
}
