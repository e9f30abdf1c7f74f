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

/* Shown without an argument; set from a file. */
int command_network(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM];
    json_t *body = o->n_args ? command_read_json(o->args[0]) : NULL;
    struct http_ask q = {.method = body ? "PUT" : "GET", .path = path, .body = body};
    struct command change = *c;
    int rc = 2;

    change.show = NULL; /* the answer is another one */
    snprintf(path, sizeof path, "%s%s%.32s", c->path, o->confirm && body ? "?confirm=" : "",
             o->confirm && body ? o->confirm : "");
    if (!o->n_args)
        return command_finish(o, c, &q);
    command_trial(o, path);
    if (body)
        rc = command_change(o, &change, c->path, &q);
    json_decref(body);
    return rc;
}

/* ---- tables ---- */

static void table_routes(const json_t *routes)
{
    json_t *r;
    size_t i;

    printf("TO                  INTERFACE        METRIC  VIA\n");
    json_array_foreach(routes, i, r)
    {
        cell_put(cell_text(r, "to"), 18);
        cell_put(cell_text(r, "interface"), 15);
        printf("%7lld  ", (long long)json_integer_value(json_object_get(r, "metric")));
        cell_put(cell_text(r, "via"), 0);
        printf("\n");
    }
}

void table_interfaces(const json_t *body, bool wide)
{
    json_t *items = json_object_get(body, "items"), *l, *address;
    size_t i, k;

    (void)wide;
    printf("NAME             MAC                STATE       SPEED  ADDRESSES\n");
    json_array_foreach(items, i, l)
    {
        bool up = json_is_true(json_object_get(l, "up"));

        cell_put(cell_text(l, "name"), 15);
        cell_put(cell_text(l, "mac"), 17);
        cell_put(!up                                           ? "down"
                 : json_is_true(json_object_get(l, "carrier")) ? "up"
                                                               : "no carrier",
                 10);
        printf("%5lld  ", (long long)json_integer_value(json_object_get(l, "speed_mbit")));
        json_array_foreach(json_object_get(l, "addresses"), k, address)
            cell_put(json_string_value(address), 0);
        printf("\n");
    }
    printf("\n");
    table_routes(json_object_get(body, "routes"));
}

/* "port outside", "yes", or why it can not be given. */
static void put_use(const json_t *d)
{
    if (json_object_get(d, "port")) {
        printf("port ");
        cell_put(cell_text(d, "port"), 0);
    }
    if (json_object_get(d, "why"))
        cell_put(cell_text(d, "why"), 0);
    else
        cell_put(json_is_true(json_object_get(d, "given")) ? "given" : "can be given", 0);
}

void table_devices(const json_t *body, bool wide)
{
    json_t *d, *group;
    size_t i;

    (void)wide;
    printf("DEVICE        ID         DRIVER      INTERFACE        GROUP  FOR THE DPDK ENGINE\n");
    json_array_foreach(json_object_get(body, "items"), i, d)
    {
        cell_put(cell_text(d, "address"), 12);
        cell_put(cell_text(d, "id"), 9);
        cell_put(cell_text(d, "driver"), 10);
        cell_put(cell_text(d, "interface"), 15);
        group = json_object_get(d, "iommu_group");
        if (group)
            printf("%5lld  ", (long long)json_integer_value(group));
        else
            cell_put("-", 5);
        put_use(d);
        printf("\n");
    }
    printf("%lld MiB in huge pages\n",
           (long long)json_integer_value(json_object_get(body, "huge_pages_mb")));
}

void table_time(const json_t *body, bool wide)
{
    json_t *clock = json_object_get(body, "clock"), *server;
    size_t i;

    (void)wide;
    printf("now ");
    cell_put(cell_text(clock, "now"), 0);
    printf("%s, off by %.6f s, made ",
           json_is_true(json_object_get(clock, "synchronised")) ? "synchronised"
                                                                : "NOT synchronised",
           json_real_value(json_object_get(clock, "offset_s")));
    cell_put(cell_text(clock, "built"), 0);
    printf("\nservers ");
    json_array_foreach(json_object_get(body, "servers"), i, server)
        cell_put(json_string_value(server), 0);
    printf("\n");
    if (json_object_get(clock, "warning")) {
        printf("warning: ");
        cell_put(cell_text(clock, "warning"), 0);
        printf("\n");
    }
}

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
    printf("\nkey-encryption key: ");
    cell_put(cell_text(body, "key_encryption_key"), 0);
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
