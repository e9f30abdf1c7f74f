#include "mgmt/confirm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/manager.h"

#define SETTING "confirm"
#define RETRY_S 5

/* "revision back_to at". False: nothing is waited for. */
static bool read_pending(struct manager *m, uint64_t *revision, uint64_t *back_to, int64_t *at_s)
{
    char *text = store_setting(&m->store, SETTING);
    bool good = text &&
                sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNd64, revision, back_to, at_s) == 3;

    free(text);
    return good;
}

int confirm_want(struct manager *m, uint64_t revision, uint64_t back_to, int64_t at_s)
{
    char text[96];
    int rc;

    snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRId64, revision, back_to, at_s);
    rc = store_set(&m->store, SETTING, text);
    if (!rc)
        m->confirm_at_s = at_s;
    return rc;
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

static void go_back(struct manager *m, uint64_t revision, uint64_t back_to, int64_t now_s)
{
    struct coming_wish w = {.actor = "penstock", .action = "config.unconfirmed"};
    struct store_revision r;
    json_t *document;
    char comment[96], text[1100], quoted[1400];
    struct err e = {0};
    int rc = store_get(&m->store, back_to, &r);

    if (rc) {
        log_event(LOG_ERROR, "confirm_failed", "error=\"revision %" PRIu64 " can not be read\"",
                  back_to);
        confirm_given(m);
        return;
    }
    snprintf(comment, sizeof comment, "revision %" PRIu64 " was not confirmed in time", revision);
    w.comment = comment;
    document = json_loads(r.document, 0, NULL);
    rc = document ? coming_propose(m, document, &w, &e) : -ENOMEM;
    json_decref(document);
    store_revision_free(&r);
    if (!rc) {
        log_event(LOG_WARN, "config_unconfirmed", "revision=%" PRIu64 " back_to=%" PRIu64, revision,
                  back_to);
        confirm_given(m);
        return;
    }
    m->confirm_at_s = now_s + RETRY_S;
    if (rc == -EBUSY)
        return;
    err_text(&e, text, sizeof text);
    log_event(LOG_ERROR, "confirm_failed", "error=%s",
              log_quote(quoted, sizeof quoted, text, strlen(text)));
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
    if (revision != m->revision) { /* somebody has changed it since: that word counts */
        confirm_given(m);
        return;
    }
    if (now_s < at_s) {
        m->confirm_at_s = at_s;
        return;
    }
    go_back(m, revision, back_to, now_s);
}
