#include "mgmt/ctl/check.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/pkcs11.h"
#include "mgmt/model/compile.h"

/* Paths are relative to the configuration file's directory. */
static int open_at(const int *dir, const char *path)
{
    int fd = openat(*dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    return fd;
}

static int slurp(int fd, size_t max, uint8_t **data, size_t *n)
{
    uint8_t *mem = NULL;
    size_t used = 0;

    for (;;) {
        uint8_t *more = realloc(mem, used + 65536);
        ssize_t got;

        if (!more || used > max) {
            free(more ? more : mem);
            return more ? -EFBIG : -ENOMEM;
        }
        mem = more;
        got = read(fd, mem + used, 65536);
        if (got < 0) {
            free(mem);
            return -errno;
        }
        if (got == 0)
            break;
        used += (size_t)got;
    }
    *data = mem;
    *n = used;
    return 0;
}

static int check_read(void *arg, uint8_t kind, const char *path, size_t max, uint8_t **data,
                      size_t *n)
{
    int fd = open_at(arg, path), rc;

    (void)kind;
    if (fd < 0)
        return fd;
    rc = slurp(fd, max, data, n);
    close(fd);
    return rc;
}

/* Of a key in a token, that the files are there: no module is loaded, and no PIN read. */
static int check_token(const int *dir, const struct compile_wish *w, struct err *e)
{
    struct pkcs11_uri u = {0};
    int fd, rc = pkcs11_parse(&u, w->key, w->where, e);

    if (rc)
        return rc;
    fd = u.given & PKCS11_PIN_SOURCE ? open_at(dir, u.pin_source) : -1;
    if (u.given & PKCS11_PIN_SOURCE && fd < 0)
        return err_set(e, fd, w->where, "name a readable file",
                       "the file of pin-source can not be read: %s", strerror(-fd));
    if (fd >= 0)
        close(fd);
    fd = u.given & PKCS11_MODULE_PATH ? open_at(dir, u.module_path) : -1;
    if (u.given & PKCS11_MODULE_PATH && fd < 0)
        return err_set(e, fd, w->where, "install its package, or name another file",
                       "there is no such PKCS#11 module on this machine");
    if (fd >= 0)
        close(fd);
    return 0;
}

/* That a file can be opened is all that is judged here: only the keyring reads keys. */
static int check_key(void *arg, const struct compile_wish *w, struct compile_key *out,
                     struct err *e)
{
    bool held = !w->key || !strncmp(w->key, "spki:", 5);
    int fd;

    (void)out;
    if (w->key && pkcs11_is(w->key))
        return check_token(arg, w, e);
    fd = held ? -1 : open_at(arg, w->key);
    if (fd >= 0)
        close(fd);
    if (held)
        return err_set(e, -ENOENT, w->where, "ask that gateway: penstockctl apply --dry-run",
                       "the key is held by a gateway");
    return fd < 0 ? compile_no_file(w, fd, e) : 0;
}

static int judge(const char *file, struct compiled *c, struct err *e)
{
    char *copy = strdup(file);
    int dir = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int here = AT_FDCWD, fd = open_at(&here, file);
    struct opener o = {.read = check_read, .key = check_key, .arg = &dir};
    struct model m = {0};
    uint8_t *text = NULL;
    size_t n = 0;
    int rc = dir < 0 ? -errno : fd < 0 ? fd : slurp(fd, MODEL_TEXT_MAX, &text, &n);

    if (rc)
        err_set(e, rc, "/", "name a readable file", "can not be read: %s", strerror(-rc));
    if (!rc)
        rc = model_parse(&m, (const char *)text, n, e);
    m.n_links -= m.automatic; /* whose trust is a gateway's own: the others can be judged */
    if (!rc)
        rc = model_validate(&m, e);
    if (!rc)
        rc = compile(&m, &o, 1, clock_wall_s(), c, e);
    m.n_links += m.automatic;
    model_fini(&m);
    free(text);
    free(copy);
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return rc;
}

/* The engine is a program of its own: is it installed beside this one? */
static int check_engine(const struct compiled *c, struct err *e)
{
    char path[PATH_MAX + 32];
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
    char *slash;

    if (!c->policy.dpdk.n_ports || n < 0)
        return 0;
    path[n] = '\0';
    slash = strrchr(path, '/');
    snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "penstock-dataplane-dpdk");
    return access(path, X_OK) == 0
               ? 0
               : err_set(e, -ENOENT, "/dpdk",
                         "build Penstock where libdpdk-dev is installed, or use \"auto\", \"ktls\" "
                         "or \"soft\"",
                         "this build is without the DPDK engine");
}

int check_config(const char *file)
{
    struct compiled c = {0};
    struct err e = {0};
    char text[1100];

    if (judge(file, &c, &e) || check_engine(&c, &e)) {
        fprintf(stderr, "penstockctl: %s: %s\n", file, err_text(&e, text, sizeof text));
        return 2;
    }
    for (unsigned i = 0; i < c.n_warnings; i++)
        fprintf(stderr, "warning: %s\n", c.warnings[i]);
    printf("%s: good: %u links, %u identities, %u trusts\n", file, c.policy.n_links,
           c.policy.n_identities, c.policy.n_trusts);
    compiled_fini(&c);
    return 0;
}
