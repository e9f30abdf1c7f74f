#include "appliance-image/src/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance-image/src/live.h"
#include "appliance-image/src/units.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"

#define MAGIC     "penstock settings 1\n"
#define NETWORK   "network"
#define TIME      "time"
#define TRIAL     "penstock-trial" /* beside the units: they are not what is kept */
#define PATH_ROOM 256

/* ---- files: the magic, then the body as it goes over the wire ---- */

static int read_file(const struct settings *s, const char *name, uint8_t *mem, struct buf *b)
{
    char path[PATH_ROOM];
    int fd, rc;
    ssize_t n;

    snprintf(path, sizeof path, "%s/%s", s->kept, name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    n = read(fd, mem, NETWORK_BODY_MAX);
    rc = n < 0 ? -errno : 0;
    close(fd);
    if (rc)
        return rc;
    if ((size_t)n < sizeof MAGIC - 1 || memcmp(mem, MAGIC, sizeof MAGIC - 1) != 0)
        return -EPROTO;
    buf_init_read(b, mem + sizeof MAGIC - 1, (size_t)n - (sizeof MAGIC - 1));
    return 0;
}

static int write_all(int fd, const struct buf *b)
{
    if (write(fd, b->data, b->len) != (ssize_t)b->len)
        return errno ? -errno : -ENOSPC;
    return fsync(fd) ? -errno : 0;
}

/* The whole or nothing, also after a power cut. */
static int replace(int folder, const char *name, const struct buf *b)
{
    char part[32];
    int fd, rc;

    snprintf(part, sizeof part, "%s.part", name);
    fd = openat(folder, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    rc = write_all(fd, b);
    close(fd);
    if (!rc && renameat(folder, part, folder, name))
        rc = -errno;
    return rc ? rc : fsync(folder) ? -errno : 0;
}

static int keep(const struct settings *s, const char *name, const struct buf *b, struct err *e)
{
    int folder, rc;

    (void)mkdir(s->kept, 0700);
    folder = open(s->kept, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = folder < 0 ? -errno : replace(folder, name, b);
    if (folder >= 0)
        close(folder);
    return rc ? err_set(e, rc == -ENOSPC ? rc : -EIO, "/", "free space on the state partition",
                        "the settings can not be kept (%s)", strerror(-rc))
              : 0;
}

static int keep_network(const struct settings *s, const struct network *n, struct err *e)
{
    uint8_t mem[NETWORK_BODY_MAX];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    buf_put_bytes(&b, MAGIC, sizeof MAGIC - 1);
    network_put(&b, n);
    return keep(s, NETWORK, &b, e);
}

static int keep_time(const struct settings *s, const struct network_time *t, struct err *e)
{
    uint8_t mem[2048];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    buf_put_bytes(&b, MAGIC, sizeof MAGIC - 1);
    network_put_time(&b, t);
    return keep(s, TIME, &b, e);
}

int settings_first(const char *kept, const struct network *network, const struct network_time *time,
                   struct err *e)
{
    const struct settings s = {.kept = kept};
    int rc = network ? keep_network(&s, network, e) : 0;

    return !rc && time ? keep_time(&s, time, e) : rc;
}

/* ---- a trial, as a successor of this process will find it ---- */

static int mark(const struct settings *s, bool on)
{
    char path[PATH_ROOM];
    int fd;

    snprintf(path, sizeof path, "%s/" TRIAL, s->network_units);
    if (!on)
        return unlink(path) ? -errno : 0;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

/* ---- opening ---- */

static int load_network(struct settings *s, uint8_t *mem)
{
    struct err why;
    struct buf b;
    int rc = read_file(s, NETWORK, mem, &b);

    if (rc == -ENOENT)
        return 0;
    if (!rc) {
        network_get(&b, &s->saved);
        rc = buf_done(&b) ? network_judge(&s->saved, &why) : -EPROTO;
    }
    if (rc)
        memset(&s->saved, 0, sizeof s->saved);
    return rc;
}

static int load_time(struct settings *s, uint8_t *mem)
{
    struct err why;
    struct buf b;
    int rc = read_file(s, TIME, mem, &b);

    if (rc == -ENOENT)
        return 0;
    if (!rc) {
        network_get_time(&b, &s->time);
        rc = buf_done(&b) ? network_judge_time(&s->time, &why) : -EPROTO;
    }
    if (rc)
        memset(&s->time, 0, sizeof s->time);
    return rc;
}

int settings_open(struct settings *s, const char *kept, const char *network_units,
                  const char *time_units, struct err *e)
{
    uint8_t mem[NETWORK_BODY_MAX];
    int network, time, rc;

    memset(s, 0, sizeof *s);
    s->kept = kept;
    s->network_units = network_units;
    s->time_units = time_units;
    /* Never one that a caller of an earlier life of this process has read. */
    s->version = s->time_version = (uint64_t)clock_wall_s() << 16;
    network = load_network(s, mem);
    time = load_time(s, mem);
    s->running = s->saved;
    rc = units_network(network_units, &s->running, e);
    if (!rc)
        rc = units_time(time_units, &s->time, e);
    /* A predecessor died in a trial: what runs is not what is kept. */
    s->network_changed = !rc && !mark(s, false);
    if (rc || (!network && !time))
        return rc;
    err_set(e, network ? network : time, kept, "set them anew over REST",
            "the settings of the %s can not be read: the image's own count",
            network ? "network" : "time");
    return 1;
}

/* ---- the network ---- */

static bool same_device(const struct network_link *a, const struct network_link *b)
{
    return a->kind == b->kind && a->vlan == b->vlan && !strcmp(a->on, b->on) && a->mode == b->mode;
}

static bool has_device(const struct network *n, const struct network_link *l)
{
    for (unsigned i = 0; i < n->n_links; i++)
        if (!strcmp(n->links[i].name, l->name))
            return same_device(&n->links[i], l);
    return false;
}

unsigned settings_gone(const struct network *before, const struct network *after,
                       const char *names[NETWORK_LINKS])
{
    unsigned n = 0;

    for (unsigned i = 0; i < before->n_links; i++)
        if (before->links[i].kind != NETWORK_ETHERNET && !has_device(after, &before->links[i]))
            names[n++] = before->links[i].name;
    return n;
}

/* The units are the new ones, or still those of what runs. */
static int run(struct settings *s, const struct network *next, struct err *e)
{
    const char *gone[NETWORK_LINKS];
    struct err second;
    unsigned n;
    int rc = units_network(s->network_units, next, e);

    if (rc) {
        (void)units_network(s->network_units, &s->running, &second); /* as far as it goes */
        return rc;
    }
    n = settings_gone(&s->running, next, gone);
    for (unsigned i = 0; i < n; i++)
        if (live_remove(gone[i]))
            log_event(LOG_WARN, "device_not_removed", "name=%s", gone[i]);
    s->running = *next;
    s->version++;
    s->network_changed = true;
    return 0;
}

int settings_network(struct settings *s, const struct system_network *want, struct err *e)
{
    struct network before = s->running;
    int rc;

    if (want->version != s->version)
        return err_set(e, -ESTALE, "/", "read it again", "it was changed since you have read it");
    rc = network_judge(&want->network, e);
    if (!rc && want->confirm_s && mark(s, true))
        rc = err_set(e, -EIO, "/", "start the appliance again", "the trial can not be noted");
    if (!rc)
        rc = run(s, &want->network, e);
    if (!rc && !want->confirm_s) {
        rc = keep_network(s, &s->running, e);
        if (rc) {
            struct err second;

            (void)run(s, &before, &second);
            return rc;
        }
        s->saved = s->running;
        (void)mark(s, false);
    }
    if (!rc)
        s->until_ms = want->confirm_s ? clock_mono_ms() + want->confirm_s * 1000ull : 0;
    return rc;
}

int settings_confirm(struct settings *s, struct err *e)
{
    int rc;

    if (!s->until_ms)
        return err_set(e, -ENOENT, "/", "PUT with ?confirm=SECONDS first",
                       "no change of the network waits to be confirmed");
    rc = keep_network(s, &s->running, e);
    if (rc)
        return rc;
    s->saved = s->running;
    s->until_ms = 0;
    (void)mark(s, false);
    return 0;
}

uint32_t settings_left_s(const struct settings *s)
{
    uint64_t now = clock_mono_ms();

    return !s->until_ms ? 0 : s->until_ms > now ? (uint32_t)((s->until_ms - now + 999) / 1000) : 1;
}

void settings_tick(struct settings *s)
{
    struct err e;

    if (!s->until_ms || clock_mono_ms() < s->until_ms)
        return;
    if (run(s, &s->saved, &e)) {
        log_event(LOG_ERROR, "network_stays", "why=\"%.200s\"", e.what);
        s->until_ms = clock_mono_ms() + 1000; /* again */
        return;
    }
    s->until_ms = 0;
    (void)mark(s, false);
    log_event(LOG_WARN, "network_unconfirmed", "what=\"the settings before are back\"");
}

/* ---- the time ---- */

int settings_time(struct settings *s, const struct system_time *want, struct err *e)
{
    struct err second;
    int rc;

    if (want->version != s->time_version)
        return err_set(e, -ESTALE, "/", "read it again", "it was changed since you have read it");
    rc = network_judge_time(&want->time, e);
    if (!rc)
        rc = units_time(s->time_units, &want->time, e);
    if (!rc)
        rc = keep_time(s, &want->time, e);
    if (rc) {
        (void)units_time(s->time_units, &s->time, &second);
        return rc;
    }
    s->time = want->time;
    s->time_version++;
    s->time_changed = true;
    return 0;
}
