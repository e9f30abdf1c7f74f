/* command_system: the appliance itself: an update, the version that starts next, start and end. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mgmt/ctl/cell.h"
#include "mgmt/ctl/command_parts.h"
#include "mgmt/ctl/table.h"

#define UPDATE_WAIT_S 3600 /* a slow line, and a slow disk behind it */

int command_map(const char *file, struct http_ask *q)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat st = {.st_size = 0};
    void *at = MAP_FAILED;

    if (fd >= 0 && !fstat(fd, &st) && st.st_size > 0)
        at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0)
        close(fd);
    if (at == MAP_FAILED) {
        fprintf(stderr, "penstockctl: %s: can not be read, or is empty\n", file);
        return -1;
    }
    q->raw = at;
    q->n_raw = (size_t)st.st_size;
    return 0;
}

int command_update(const struct options *o, const struct command *c)
{
    struct http_ask q = {.method = "POST",
                         .path = c->path,
                         .type = "application/octet-stream",
                         .wait_s = UPDATE_WAIT_S};
    int rc;

    if (command_map(o->args[0], &q))
        return 2;
    rc = command_finish(o, c, &q);
    munmap((void *)(uintptr_t)q.raw, q.n_raw);
    return rc;
}

int command_activate(const struct options *o, const struct command *c)
{
    json_t *body = json_pack("{s:s}", "version", o->args[0]);
    struct http_ask q = {.method = "POST", .path = c->path, .body = body};
    int rc = command_finish(o, c, &q);

    json_decref(body);
    return rc;
}

int command_power(const struct options *o, const struct command *c)
{
    struct http_ask q = {.method = "POST", .path = c->path};

    return command_finish(o, c, &q);
}

/* ---- tables ---- */

void table_system(const json_t *body, bool wide)
{
    json_t *slots = json_object_get(body, "slots"), *slot;
    long long up = (long long)json_integer_value(json_object_get(body, "uptime_s"));
    const char *name;

    (void)wide;
    printf("version ");
    cell_put(cell_text(body, "version"), 0);
    printf("slot ");
    cell_put(cell_text(body, "slot"), 0);
    printf("up %lld s  Linux ", up);
    cell_put(cell_text(body, "kernel"), 0);
    printf("%s\nSLOT  VERSION         STATE\n",
           json_is_true(json_object_get(body, "installing")) ? "an update is coming in" : "");
    json_object_foreach(slots, name, slot)
    {
        cell_put(name, 4);
        cell_put(cell_text(slot, "version"), 14);
        cell_put(cell_text(slot, "state"), 0);
        printf("\n");
    }
}

void table_version(const json_t *body, bool wide)
{
    bool next = json_object_get(body, "next") != NULL;

    (void)wide;
    printf("version ");
    cell_put(cell_text(body, next ? "next" : "version"), 0);
    cell_put(next ? "starts next" : cell_text(body, "state"), 0);
    printf("\n");
}
