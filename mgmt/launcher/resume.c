#include "mgmt/launcher/resume.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/log.h"
#include "dataplane/wire/control.h"

void resume_begin(struct child *c, const struct holding *running, uint64_t now_ms)
{
    if (!running || !child_votes(c) ||
        (c->role == ROLE_TOKEN && !holding_uses_token(running, c->index))) {
        child_move(c, STAGE_SERVING, now_ms);
        return;
    }
    child_move(c, STAGE_PREPARING, now_ms);
    holding_give(running, c, true);
}

void resume_prepared(struct child *c, const struct holding *running, struct fleet *f,
                     uint64_t now_ms)
{
    child_move(c, STAGE_COMMITTING, now_ms);
    fleet_link(f);
    child_send_number(c, CONTROL_COMMIT, running->number);
}

void resume_committed(struct child *c, uint64_t now_ms)
{
    child_move(c, STAGE_SERVING, now_ms);
    log_event(LOG_INFO, "child_serves", "process=%s pid=%d", c->name, (int)c->pid);
}

void resume_refused(struct child *c, const struct err *e)
{
    char text[1100], quoted[1400];

    err_text(e, text, sizeof(text));
    log_event(LOG_ERROR, "running_revision_refused", "process=%s reason=%s", c->name,
              log_quote(quoted, sizeof(quoted), text, strlen(text)));
    child_kill(c, "it refused the running revision");
}

void resume_load(struct child *mgmt, uint64_t revision, const char *name, bool resume, int text_fd)
{
    struct control_load m = {.revision = revision, .resume = resume};
    uint8_t mem[CONTROL_PATH_MAX + 64];
    struct buf b;

    snprintf(m.name, sizeof(m.name), "%s", name);
    buf_init(&b, mem, sizeof(mem));
    control_put_load(&b, &m);
    child_send(mgmt, CONTROL_LOAD, &b, text_fd);
}
