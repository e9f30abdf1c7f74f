#include "mgmt/confirm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/api/document.h"
#include "mgmt/manager.h"

#define SETTING   "confirm"
#define SELF      "penstock" /* as the store names what the gateway does by itself */
#define RETRY_S   5
#define STEPS_MAX 1000

/* "revision back_to at". False: nothing is waited for. */
static bool read_pending(struct manager *m, uint64_t *revision, uint64_t *back_to, int64_t *at_s)
{
    char *text = store_setting(&m->store, SETTING);
    bool good = text &&
                sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNd64, revision, back_to, at_s) == 3;

    free(text);
    return good;
}

int confirm_want(struct manager *m, uint64_t revision, int64_t at_s, char **before)
{
    uint64_t earlier, back_to;
    int64_t earlier_s;
    char text[96], *was = store_setting(&m->store, SETTING);
    int rc;

    if (!read_pending(m, &earlier, &back_to, &earlier_s))
        back_to = m->revision;
    snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRId64, revision, back_to, at_s);
    rc = store_set(&m->store, SETTING, text);
    if (rc) {
        free(was);
        return rc;
    }
    m->confirm_at_s = at_s;
    *before = was;
    return 0;
}

void confirm_undo(struct manager *m, char *before)
{
    (void)store_set(&m->store, SETTING, before);
    m->confirm_at_s = 1; /* look again */
    free(before);
}

json_t *confirm_pending(struct manager *m)
{
    uint64_t revision, back_to;
    int64_t at_s, left;

    if (!read_pending(m, &revision, &back_to, &at_s))
        return NULL;
    left = at_s - clock_wall_s();
    return json_pack("{s:I, s:I, s:I}", "revision", (json_int_t)revision, "back_to",
                     (json_int_t)back_to, "seconds_left", (json_int_t)(left > 0 ? left : 0));
}

int confirm_given(struct manager *m)
{
    uint64_t revision, back_to;
    int64_t at_s;

    if (!read_pending(m, &revision, &back_to, &at_s))
        return -ENOENT;
    m->confirm_at_s = 0;
    return store_set(&m->store, SETTING, NULL);
}

/* ---- the way back ---- */

static json_t *document_of(struct manager *m, uint64_t revision)
{
    struct store_revision r;
    json_t *document;

    if (store_get(&m->store, revision, &r))
        return NULL;
    document = json_loads(r.document, 0, NULL);
    store_revision_free(&r);
    return document;
}

/*
 * Has somebody changed the configuration since? Then that is the last word. What the gateway
 * renewed or fetched by itself is not, nor is a new administrator.
 */
static bool changed_by_others(struct manager *m, uint64_t since)
{
    bool changed = m->revision < since || m->revision - since > STEPS_MAX;
    json_t *before = changed ? NULL : document_of(m, since);
    struct store_revision r;

    for (uint64_t n = since + 1; !changed && n <= m->revision; n++) {
        json_t *document;

        if (store_get(&m->store, n, &r))
            continue; /* was refused, or never was */
        document = json_loads(r.document, 0, NULL);
        changed = strcmp(r.actor, SELF) != 0 && !json_equal(document, before);
        json_decref(before);
        before = document;
        store_revision_free(&r);
    }
    json_decref(before);
    return changed;
}

/* The document without the change that nobody confirmed, but with what came by itself since. */
static json_t *without(struct manager *m, uint64_t revision, uint64_t back_to)
{
    json_t *changed = document_of(m, revision), *old = document_of(m, back_to), *now = NULL;
    char where[DOCUMENT_POINTER_MAX];

    if (changed && old)
        now = document_rebase(changed, old, m->document, where);
    json_decref(changed);
    if (!now)
        return old; /* both touched one thing: what ran before, whole */
    json_decref(old);
    return now;
}

/* It counts when every process has taken it, and not before: a crash on the way starts anew. */
static void on_back(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct manager *m = arg;
    char text[1100], quoted[1400];

    (void)revision;
    if (!rc) {
        confirm_given(m);
        return;
    }
    err_text(e, text, sizeof text);
    log_event(LOG_ERROR, "confirm_failed", "error=%s",
              log_quote(quoted, sizeof quoted, text, strlen(text)));
}

static void go_back(struct manager *m, uint64_t revision, uint64_t back_to, int64_t now_s)
{
    char comment[96];
    struct coming_wish w = {.actor = SELF,
                            .action = "config.unconfirmed",
                            .comment = comment,
                            .done = on_back,
                            .arg = m};
    struct err e = {0};
    json_t *document = without(m, revision, back_to);
    int rc;

    m->confirm_at_s = now_s + RETRY_S;
    if (!document) {
        log_event(LOG_ERROR, "confirm_failed", "error=\"revision %" PRIu64 " can not be read\"",
                  back_to);
        confirm_given(m);
        return;
    }
    if (json_equal(document, m->document)) { /* it has gone back, and died before it could say so */
        json_decref(document);
        confirm_given(m);
        return;
    }
    snprintf(comment, sizeof comment, "revision %" PRIu64 " was not confirmed in time", revision);
    rc = coming_propose(m, document, &w, &e);
    json_decref(document);
    if (!rc)
        log_event(LOG_WARN, "config_unconfirmed", "revision=%" PRIu64 " back_to=%" PRIu64, revision,
                  back_to);
    else if (rc != -EBUSY)
        on_back(m, rc, 0, &e);
}

void confirm_tick(struct manager *m, int64_t now_s)
{
    uint64_t revision, back_to;
    int64_t at_s;

    if (!m->revision || m->coming.busy || !m->confirm_at_s || now_s < m->confirm_at_s)
        return;
    if (!read_pending(m, &revision, &back_to, &at_s)) {
        m->confirm_at_s = 0;
        return;
    }
    if (now_s < at_s) {
        m->confirm_at_s = at_s;
        return;
    }
    if (changed_by_others(m, revision))
        confirm_given(m);
    else
        go_back(m, revision, back_to, now_s);
}
