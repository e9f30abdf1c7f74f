/* command_backup: all that is configured into a file, and back; what support wants, into one. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "dataplane/base/secret.h"
#include "mgmt/ctl/command_parts.h"

#define WAIT_S 3600 /* a slow line */

/* A file beside the wanted one, for its owner alone; half a backup never has its name. */
static FILE *begin_file(const char *file, char name[COMMAND_PATH_ROOM])
{
    int fd;

    snprintf(name, COMMAND_PATH_ROOM, "%s.part", file);
    (void)unlink(name);
    fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? NULL : fdopen(fd, "wb");
}

static int end_file(FILE *out, const char *name, const char *file)
{
    int rc = fflush(out) || fsync(fileno(out)) ? -1 : 0;

    return fclose(out) || rc || rename(name, file) ? -1 : 0;
}

/* The answer into a file, whole or not at all. The exit code. */
static int fetch(const struct options *o, struct http_ask *q)
{
    char name[COMMAND_PATH_ROOM];
    struct http_answer a;
    int rc = 1;

    q->file = begin_file(o->args[0], name);
    if (q->file) {
        rc = command_ask(o, q, &a);
        if (!rc)
            http_free(&a);
        if (rc)
            fclose(q->file);
        else if (end_file(q->file, name, o->args[0]))
            q->file = NULL;
        if (rc || !q->file)
            (void)unlink(name);
    }
    if (q->file)
        return rc;
    fprintf(stderr, "penstockctl: %s: can not be written: %s\n", o->args[0], strerror(errno));
    return 1;
}

int command_backup(const struct options *o, const struct command *c)
{
    char passphrase[COMMAND_PASSPHRASE_ROOM] = "";
    struct http_ask q = {
        .method = "POST", .path = c->path, .wait_s = WAIT_S, .passphrase = passphrase};
    int rc = command_passphrase(o, true, true, passphrase) ? fetch(o, &q) : 2;

    secret_wipe(passphrase, sizeof passphrase);
    return rc;
}

int command_support(const struct options *o, const struct command *c)
{
    struct http_ask q = {.method = "GET", .path = c->path, .wait_s = WAIT_S};

    return fetch(o, &q);
}

int command_restore(const struct options *o, const struct command *c)
{
    char passphrase[COMMAND_PASSPHRASE_ROOM] = "", path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "POST",
                         .path = path,
                         .type = "application/octet-stream",
                         .wait_s = WAIT_S,
                         .passphrase = passphrase};
    int rc = 2;

    snprintf(path, sizeof path, "%s%s", c->path, o->administrators ? "?administrators=true" : "");
    command_trial(o, path);
    if (command_map(o->args[0], &q))
        return rc;
    if (command_passphrase(o, true, false, passphrase))
        rc = command_finish(o, c, &q);
    munmap((void *)(uintptr_t)q.raw, q.n_raw);
    secret_wipe(passphrase, sizeof passphrase);
    return rc;
}
