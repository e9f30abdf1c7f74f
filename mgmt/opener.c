#include "mgmt/opener.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "mgmt/store/objects.h"

#define SEND_MS 5000
#define OPEN_MS 5000
#define INLINE  "-----BEGIN "

struct opener_kept {
    char *path;
    char ref[OBJECTS_REF_MAX];
};

/* Ask the launcher to open a path. *fd is -1 for keys. 0 or -errno. */
static int ask_open(struct manager *m, uint8_t kind, const char *path, uint32_t *token, int *fd)
{
    struct control_open open = {.token = ++m->next_token, .kind = kind};
    struct control_result r;
    struct chan_msg msg;
    uint8_t mem[CONTROL_PATH_MAX + 64];
    struct buf b;
    int rc;

    if (strlen(path) >= sizeof open.path)
        return -ENAMETOOLONG;
    snprintf(open.path, sizeof open.path, "%s", path);
    buf_init(&b, mem, sizeof mem);
    control_put_open(&b, &open);
    rc = chan_send_wait(m->control, CONTROL_OPEN, &b, NULL, 0, SEND_MS);
    do {
        if (!rc)
            rc = manager_await(m, CONTROL_OPENED, &msg, OPEN_MS);
        if (rc)
            return rc;
        rc = control_get_result(&msg.body, &r);
        if (rc || r.token != open.token)
            chan_msg_close_fds(&msg);
    } while (!rc && r.token != open.token);
    if (rc)
        return rc;
    *fd = chan_msg_take_fd(&msg, 0);
    *token = open.token;
    chan_msg_close_fds(&msg);
    return r.error > 0 ? -r.error : r.error;
}

int opener_read_fd(int fd, size_t max, uint8_t **data, size_t *n)
{
    struct stat st;
    uint8_t *mem;
    size_t got = 0;

    if (fstat(fd, &st))
        return -errno;
    if ((size_t)st.st_size > max)
        return -EFBIG;
    mem = malloc((size_t)st.st_size + 1);
    if (!mem)
        return -ENOMEM;
    while (got < (size_t)st.st_size) {
        ssize_t r = pread(fd, mem + got, (size_t)st.st_size - got, (off_t)got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    mem[got] = 0;
    *data = mem;
    *n = got;
    return 0;
}

static int read_path(struct manager *m, uint8_t kind, const char *path, size_t max, uint8_t **data,
                     size_t *n)
{
    uint32_t token;
    int fd = -1, rc;

    if (!strncmp(path, INLINE, strlen(INLINE))) {
        if (strlen(path) > max)
            return -EFBIG;
        *data = (uint8_t *)strdup(path);
        *n = strlen(path);
        return *data ? 0 : -ENOMEM;
    }
    rc = ask_open(m, kind, path, &token, &fd);
    if (!rc)
        rc = fd >= 0 ? opener_read_fd(fd, max, data, n) : -EBADF;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Remember under which name these bytes are kept. What can not be kept is still used. */
static void keep(struct opener_run *run, const char *path, const uint8_t *data, size_t n)
{
    struct opener_kept *more, *k;
    int rc;

    more = realloc(run->kept, (run->n_kept + 1) * sizeof *more);
    if (!more) {
        run->put_rc = -ENOMEM;
        return;
    }
    run->kept = more;
    k = &more[run->n_kept];
    rc = objects_put(data, n, k->ref);
    k->path = rc ? NULL : strdup(path);
    if (k->path)
        run->n_kept++;
    else
        run->put_rc = rc ? rc : -ENOMEM;
}

static int open_read(void *arg, uint8_t kind, const char *path, size_t max, uint8_t **data,
                     size_t *n)
{
    struct opener_run *run = arg;
    int rc;

    if (objects_is_ref(path))
        return objects_get(path, max, data, n);
    rc = read_path(run->m, kind, path, max, data, n);
    if (!rc)
        keep(run, path, *data, *n);
    return rc;
}

static int open_key(void *arg, const char *path, uint32_t *token)
{
    struct opener_run *run = arg;
    int fd = -1, rc;

    *token = 0;
    if (run->resume)
        return 0; /* only their places in the tables matter */
    rc = ask_open(run->m, OPEN_KEY, path, token, &fd);
    if (fd >= 0)
        close(fd); /* a key's descriptor has no business here */
    return rc;
}

struct opener opener_of(struct opener_run *run)
{
    return (struct opener){.read = open_read, .key = open_key, .arg = run};
}

void opener_fini(struct opener_run *run)
{
    for (unsigned i = 0; i < run->n_kept; i++)
        free(run->kept[i].path);
    free(run->kept);
    run->kept = NULL;
    run->n_kept = 0;
}

/* The reference that stands for a path, or NULL. */
static json_t *ref_of(const struct opener_run *run, const json_t *path)
{
    const char *text = json_string_value(path);

    for (unsigned i = 0; text && i < run->n_kept; i++)
        if (!strcmp(run->kept[i].path, text))
            return json_string(run->kept[i].ref);
    return NULL;
}

/* A string, or an array of strings, that is a member of an object. */
static void replace(const struct opener_run *run, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key), *ref, *item;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            ref = ref_of(run, item);
            if (ref)
                json_array_set_new(value, i, ref);
        }
        return;
    }
    ref = ref_of(run, value);
    if (ref)
        json_object_set_new(object, key, ref);
}

json_t *opener_canonical(const struct opener_run *run, const json_t *document)
{
    static const struct {
        const char *table, *key;
    } places[] = {{"identities", "certificate"}, {"trust", "anchors"}, {"trust", "crls"}};
    json_t *copy = json_deep_copy(document), *entry;
    const char *name;

    for (size_t i = 0; copy && i < ARRAY_LEN(places); i++) {
        json_t *table = json_object_get(copy, places[i].table);

        json_object_foreach(table, name, entry) replace(run, entry, places[i].key);
    }
    return copy;
}
