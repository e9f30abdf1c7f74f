#include "mgmt/apply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/control_send.h"
#include "mgmt/authority.h"
#include "mgmt/callers.h"
#include "mgmt/coming_parts.h"
#include "mgmt/offered.h"
#include "mgmt/renew/lists.h"
#include "mgmt/renew/renew.h"
#include "mgmt/ship/ship.h"
#include "mgmt/store/objects.h"

static bool is_dead(int rc)
{
    return rc == -EPIPE || rc == -ECONNRESET;
}

/* ---- a file ---- */

struct file_load {
    const struct control_load *load;
    bool same;    /* as the last file that was imported */
    bool restore; /* the store's revision counts, not the file's */
};

static uint64_t imported_revision(struct manager *m)
{
    char *text = store_setting(&m->store, "imported_revision");
    uint64_t number = text ? strtoull(text, NULL, 10) : 0;

    free(text);
    return number;
}

/* The file is read and compiled: is it news? */
static int settle_file(struct manager *m, void *arg, struct compiled *c, struct err *e)
{
    struct file_load *f = arg;
    struct coming *coming = &m->coming;
    char hash[65], *last = store_setting(&m->store, "imported");

    objects_hash(coming->document, strlen(coming->document), hash);
    f->same = last && !strcmp(last, hash);
    free(last);
    coming->imported = strdup(hash);
    snprintf(coming->name, sizeof coming->name, "%s", f->load->name);
    if (!m->revision && f->same && m->highest) {
        f->restore = true; /* a start, and nothing new in the file */
        return err_set(e, -EALREADY, "/", "", "imported before");
    }
    if (m->revision && f->same && imported_revision(m) != m->revision)
        return err_set(e, -EALREADY, "/", "edit the file, or roll back to the revision",
                       "the file is as it was imported as revision %" PRIu64 "; revision %" PRIu64
                       " runs, which was changed since, and stays",
                       imported_revision(m), m->revision);
    if (!m->revision && m->highest >= coming->number) {
        coming->number = m->highest + 1;
        c->policy.revision = coming->number;
    }
    return 0;
}

static int load_file(struct manager *m, const struct control_load *load, const char *text, size_t n,
                     struct file_load *f, struct err *e)
{
    const struct coming_how how = {.settle = settle_file, .arg = f};
    const struct coming_wish wish = {
        .actor = "file", .action = "config.file", .comment = load->name};

    return coming_start(m, text, n, load->revision, &wish, &how, e);
}

/* ---- what the store says ran ---- */

static int settle_restored(struct manager *m, void *arg, struct compiled *c, struct err *e)
{
    const struct file_load *f = arg;

    (void)c;
    (void)e;
    snprintf(m->coming.name, sizeof m->coming.name, "%s", f->load->name);
    return 0;
}

/* After a start: the revision that ran before, under its own number. */
static int restore(struct manager *m, struct file_load *f, struct err *e)
{
    const struct coming_how how = {.settle = settle_restored, .arg = f};
    struct store_revision r;
    struct coming_wish wish = {.action = "config.restore"};
    int rc = store_running(&m->store, &r);

    if (rc)
        return err_set(e, rc, "/", "see the log", "the store's running revision can not be read");
    wish.actor = r.actor;
    wish.comment = r.comment;
    rc = coming_start(m, r.document, strlen(r.document),
                      r.number < f->load->revision ? f->load->revision : r.number, &wish, &how, e);
    if (!rc && m->coming.number == r.number)
        m->coming.parent = r.parent;
    store_revision_free(&r);
    return rc;
}

/* ---- what runs, for a management that came back ---- */

/*
 * The files may have changed since: then the revision runs as it was, and only the status knows
 * less.
 */
/* Parse what runs, filled in as it was when it was made. */
static int parse_running(struct manager *m, json_t *document, struct model *model, struct err *e)
{
    json_t *authority = json_incref(json_object_get(document, AUTHORITY_MEMBER)), *filled;
    int rc = -EINVAL;

    if (authority) {
        json_object_del(document, AUTHORITY_MEMBER);
        authority_adopt(m, authority);
        filled = authority_fill(authority, document, e);
        json_decref(authority);
    } else {
        filled = json_deep_copy(document);
    }
    if (filled && !renew_fill(filled, e) && !pair_fill(filled, e) && !ship_fill(filled, e))
        rc = model_filled(model, filled, e);
    else
        json_decref(filled);
    return rc;
}

static void adopt_running(struct manager *m, struct compiled *c, json_t *access)
{
    callers_access(m, c->policy.revision, access, c->roles, c->n_roles);
    c->roles = NULL;
    json_decref(m->warnings);
    m->warnings = json_array();
    for (unsigned i = 0; i < c->n_warnings; i++)
        json_array_append_new(m->warnings, json_string(c->warnings[i]));
    json_decref(m->offered);
    m->offered = offered_json(&c->policy);
    free(m->dates);
    m->dates = c->dates;
    m->n_dates = c->n_dates;
    c->dates = NULL;
    c->n_dates = 0;
}

static void resume(struct manager *m, const struct control_load *load, const char *text, size_t n)
{
    struct opener_run run = {.m = m, .resume = true};
    struct opener opener = opener_of(&run);
    json_t *document = json_loadb(text, n, 0, NULL);
    struct model model = {0};
    struct compiled c = {0};
    struct err e = {0};
    char why[1100];
    int rc = document ? parse_running(m, document, &model, &e) : -EINVAL;

    if (!rc)
        rc = compile(&model, &opener, load->revision, clock_wall_s(), &c, &e);
    if (!rc && authority_is_asked(document))
        authority_dates(m->authority, &c);
    if (rc)
        compile_warn(&c, "the running revision can not be read again: %s",
                     err_text(&e, why, sizeof why));
    c.policy.revision = load->revision;
    json_decref(m->document);
    m->document = document;
    adopt_running(m, &c, json_object_get(json_object_get(model.root, MODEL_MANAGEMENT), "access"));
    m->revision = load->revision;
    lists_follow(m);
    renew_follow(m);
    pair_follow(m);
    ship_follow(m);
    if (m->highest < m->revision)
        m->highest = m->revision;
    m->applied_ms = clock_mono_ms();
    m->alarmed_s = INT64_MIN;
    snprintf(m->name, sizeof m->name, "%s", load->name);
    /* It was applied, whether its own management lived to write that down or not. */
    if (store_last(&m->store) < m->revision && store_applied(&m->store, m->revision, &e))
        log_event(LOG_ERROR, "revision_not_kept", "revision=%" PRIu64 " error=\"%s\"", m->revision,
                  err_text(&e, why, sizeof why));
    model_fini(&model);
    compiled_fini(&c);
    opener_fini(&run);
}

int apply_load(struct manager *m, const struct control_load *load, int fd)
{
    struct file_load f = {.load = load};
    struct err e = {0}, busy;
    uint8_t *text = NULL;
    size_t n = 0;
    int rc = opener_read_fd(fd, MODEL_TEXT_MAX, &text, &n);

    close(fd);
    if (rc)
        err_set(&e, rc, "/", "give a configuration file of at most 8 MiB", "can not be read: %s",
                strerror(-rc));
    if (!rc && load->resume) {
        resume(m, load, (const char *)text, n);
        free(text);
        return 0;
    }
    if (!rc && load->revision > m->highest + 1)
        m->highest = load->revision - 1;
    if (m->coming.busy) { /* the launcher has begun this one: it will not take ours */
        err_set(&busy, -EBUSY, "/", "try again in a moment",
                "the configuration file is being read");
        coming_ended(m, m->coming.number, &busy);
    }
    if (!rc)
        rc = load_file(m, load, (const char *)text, n, &f, &e);
    if (rc == -EALREADY && f.restore)
        rc = restore(m, &f, &e);
    free(text);
    if (rc == -EAGAIN && !m->revision)
        rc = -EPIPE; /* the keyring died over the first one: begin again with the next */
    if (is_dead(rc))
        return rc;
    return rc ? control_send_refused(m->control, CONTROL_REJECT, load->revision, &e) : 0;
}
