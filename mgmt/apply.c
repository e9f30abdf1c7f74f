#include "mgmt/apply.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"

#define SEND_MS 5000
#define OPEN_MS 5000

static int send_buf(struct manager *m, uint8_t type, const struct buf *b, const int *fds, size_t n)
{
    return chan_send_wait(m->control, type, b, fds, n, SEND_MS);
}

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
    rc = send_buf(m, CONTROL_OPEN, &b, NULL, 0);
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

static int read_fd(int fd, size_t max, uint8_t **data, size_t *n)
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

static int open_read(void *arg, uint8_t kind, const char *path, size_t max, uint8_t **data,
                     size_t *n)
{
    uint32_t token;
    int fd = -1, rc = ask_open(arg, kind, path, &token, &fd);

    if (!rc)
        rc = fd >= 0 ? read_fd(fd, max, data, n) : -EBADF;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int open_key(void *arg, const char *path, uint32_t *token)
{
    int fd = -1, rc = ask_open(arg, OPEN_KEY, path, token, &fd);

    if (fd >= 0)
        close(fd); /* a key's descriptor has no business here */
    return rc;
}

static int attach(struct manager *m, uint64_t revision, uint8_t kind, uint32_t index,
                  uint32_t token, int fd)
{
    struct control_attach a = {.revision = revision, .kind = kind, .index = index, .token = token};
    uint8_t mem[32];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    control_put_attach(&b, &a);
    return send_buf(m, CONTROL_ATTACH, &b, &fd, fd >= 0 ? 1 : 0);
}

/* One slice of the policy as a sealed image. */
static int attach_image(struct manager *m, struct compiled *c, uint8_t kind, uint8_t slice,
                        uint16_t attachments)
{
    size_t cap = 1 << 20;
    int rc = -EMSGSIZE;

    for (; rc == -EMSGSIZE && cap <= POLICY_IMAGE_MAX; cap *= 4) {
        uint8_t *mem = malloc(cap);
        struct buf b;
        int fd;

        if (!mem)
            return -ENOMEM;
        c->policy.n_attachments = attachments;
        buf_init(&b, mem, cap);
        policy_encode(&b, &c->policy, slice);
        if (buf_ok(&b)) {
            fd = memfd_seal("penstock-policy", mem, b.len);
            rc = fd < 0 ? fd : attach(m, c->policy.revision, kind, 0, 0, fd);
            if (fd >= 0)
                close(fd);
        }
        free(mem);
    }
    return rc;
}

static int send_all(struct manager *m, struct compiled *c)
{
    uint64_t revision = c->policy.revision;
    uint8_t mem[16];
    struct buf b;
    int rc;

    rc = attach_image(m, c, ATTACH_IMAGE_DATAPLANE, POLICY_SLICE_DATAPLANE, 0);
    if (!rc)
        rc = attach_image(m, c, ATTACH_IMAGE_HANDSHAKE, POLICY_SLICE_HANDSHAKE, c->n_crls);
    if (!rc)
        rc = attach_image(m, c, ATTACH_IMAGE_KEYRING, POLICY_SLICE_KEYRING, c->policy.n_identities);
    for (unsigned i = 0; i < c->n_crls && !rc; i++)
        rc = attach(m, revision, ATTACH_CRL, i, 0, c->crl_fds[i]);
    for (unsigned i = 0; i < c->policy.n_identities && !rc; i++)
        rc = attach(m, revision, ATTACH_KEY, i, c->key_tokens[i], -1);
    buf_init(&b, mem, sizeof mem);
    control_put_number(&b, revision);
    return rc ? rc : send_buf(m, CONTROL_APPLY, &b, NULL, 0);
}

static int reject(struct manager *m, uint64_t revision, const struct err *e)
{
    struct control_refused r = {.revision = revision, .err = *e};
    uint8_t mem[2048];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    control_put_refused(&b, &r);
    return send_buf(m, CONTROL_REJECT, &b, NULL, 0);
}

static json_t *warnings_json(const struct compiled *c)
{
    json_t *list = json_array();

    for (unsigned i = 0; list && i < c->n_warnings; i++)
        json_array_append_new(list, json_string(c->warnings[i]));
    return list;
}

/* On resume the keys are in the keyring already: only their places in the tables matter. */
static int no_key(void *arg, const char *path, uint32_t *token)
{
    (void)arg;
    (void)path;
    *token = 0;
    return 0;
}

static int build(struct manager *m, const struct control_load *load, int fd, struct compiled *c,
                 struct err *e)
{
    struct opener opener = {.read = open_read, .key = load->resume ? no_key : open_key, .arg = m};
    struct model model = {0};
    uint8_t *text = NULL;
    size_t n = 0;
    int rc = read_fd(fd, MODEL_TEXT_MAX, &text, &n);

    if (rc)
        err_set(e, rc, "/", "give a configuration file of at most 8 MiB", "can not be read: %s",
                strerror(-rc));
    if (!rc)
        rc = model_parse(&model, (const char *)text, n, e);
    if (!rc)
        rc = model_validate(&model, e);
    if (!rc)
        rc = compile(&model, &opener, load->revision, clock_wall_s(), c, e);
    model_fini(&model);
    free(text);
    malloc_trim(0); /* lists and certificates were large for a moment */
    return rc;
}

static void log_warnings(const struct control_load *load, const struct compiled *c)
{
    char quoted[1200];

    for (unsigned i = 0; i < c->n_warnings; i++)
        log_event(LOG_WARN, "config_warning", "revision=%" PRIu64 " text=%s", load->revision,
                  log_quote(quoted, sizeof quoted, c->warnings[i], strlen(c->warnings[i])));
}

/* What the status tells of the revision once it runs. */
static void remember(struct manager *m, const struct control_load *load, struct compiled *c)
{
    json_decref(m->coming_warnings);
    m->coming_warnings = warnings_json(c);
    free(m->coming_dates);
    m->coming_dates = c->dates;
    m->n_coming_dates = c->n_dates;
    c->dates = NULL;
    c->n_dates = 0;
    m->coming = load->revision;
    snprintf(m->coming_name, sizeof m->coming_name, "%s", load->name);
}

/*
 * The running revision again, for a management that came back. The files may have changed since:
 * then the revision runs as it was, and only the status knows less.
 */
static void resume(struct manager *m, const struct control_load *load, struct compiled *c, int rc,
                   const struct err *e)
{
    char text[1100];

    if (rc)
        compile_warn(c, "the running revision can not be read again: %s",
                     err_text(e, text, sizeof text));
    remember(m, load, c);
    apply_done(m, load->revision, true);
}

/* The channel is dead: nothing can be said any more. Else the launcher is told why not. */
static int give(struct manager *m, const struct control_load *load, struct compiled *c)
{
    int rc = send_all(m, c);
    struct err e;

    if (!rc || rc == -EPIPE || rc == -ECONNRESET || rc == -ETIMEDOUT)
        return rc;
    m->coming = 0;
    err_set(&e, rc, "/", rc == -EMSGSIZE ? "use fewer or shorter entries" : "free memory",
            "the compiled policy can not be handed over: %s", strerror(-rc));
    return reject(m, load->revision, &e);
}

int apply_load(struct manager *m, const struct control_load *load, int fd)
{
    struct compiled c = {0};
    struct err e = {0};
    int rc = build(m, load, fd, &c, &e);

    close(fd);
    if (rc == -EPIPE || rc == -ECONNRESET)
        return rc;
    if (load->resume) {
        resume(m, load, &c, rc, &e);
        rc = 0;
    } else if (rc) {
        rc = reject(m, load->revision, &e);
    } else {
        log_warnings(load, &c);
        remember(m, load, &c);
        rc = give(m, load, &c);
    }
    compiled_fini(&c);
    return rc;
}

void apply_done(struct manager *m, uint64_t revision, bool applied)
{
    if (revision != m->coming)
        return;
    m->coming = 0;
    if (!applied)
        return;
    m->revision = revision;
    m->applied_ms = clock_mono_ms();
    memcpy(m->name, m->coming_name, sizeof m->name);
    json_decref(m->warnings);
    m->warnings = m->coming_warnings;
    m->coming_warnings = NULL;
    free(m->dates);
    m->dates = m->coming_dates;
    m->n_dates = m->n_coming_dates;
    m->coming_dates = NULL;
    m->n_coming_dates = 0;
    m->alarmed_s = INT64_MIN; /* what is near its end is said anew for each revision */
}
