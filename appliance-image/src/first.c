/*
 * penstock-first open STATE
 * penstock-first take STATE KEPT DISK FOLDER: a new appliance's first configuration, from a
 * credential (penstock.config) or from the disk (drive.h): network and time to the folder of what
 * is kept (settings.h), administrators to FOLDER, until the gateway runs.
 * penstock-first administrators STATE FOLDER: has the gateway take those.
 * What came of it is told in FOLDER/news, for the console.
 *
 * Why: an appliance without DHCP has to be given an address before anybody can reach it. That is
 * open to whoever can insert a disk, so it ends with the first administrator: `open` succeeds only
 * where there has never been one. Never: keeps a part of a document; changes anything where an
 * administrator has been.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "appliance-image/src/drive.h"
#include "appliance-image/src/first_form.h"
#include "appliance-image/src/local.h"
#include "appliance-image/src/owner.h"
#include "appliance-image/src/settings.h"
#include "dataplane/base/log.h"

#define CREDENTIAL "penstock.config"
#define CHANGE     "administrators" /* of the gateway's configuration, in FOLDER */
#define TRIES      120              /* a second each */

struct source {
    const char *name; /* for people */
    size_t n;
    char text[FIRST_MAX];
};

/* 1: there is one; 0: there is none; or -errno with *e. A credential goes before a disk. */
static int find(struct source *s, const char *disk, const char *mount_at, struct err *e)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    int rc = -ENOENT;

    s->name = "credential";
    if (credentials)
        rc = drive_file(credentials, CREDENTIAL, s->text, sizeof s->text, &s->n, e);
    if (rc == -ENOENT) {
        s->name = "drive";
        rc = drive_read(disk, mount_at, s->text, sizeof s->text, &s->n, e);
    }
    return rc == -ENOENT ? 0 : rc ? rc : 1;
}

/* A line more for the console. */
static void tell(const char *folder, const char *what, const char *which)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/news", folder);
    f = fopen(path, "ae");
    if (!f)
        return;
    fprintf(f, "%s%s\n", what, which);
    fclose(f);
}

/* What the gateway is to be asked when it runs; NULL: nothing. */
static int hand_on(const char *folder, const json_t *change, struct err *e)
{
    char path[256];

    snprintf(path, sizeof path, "%s/" CHANGE, folder);
    (void)unlink(path);
    return change && json_dump_file(change, path, JSON_COMPACT)
               ? err_set(e, -EIO, path, "start the appliance again",
                         "the administrators can not be handed on")
               : 0;
}

static int take(const char *state, const char *kept, const char *disk, const char *folder)
{
    static struct source source;
    static struct first first;
    char mount_at[256], text[1100];
    struct err e;
    int rc;

    if (!owner_none(state))
        return 0;
    snprintf(mount_at, sizeof mount_at, "%s/disk", folder);
    rc = find(&source, disk, mount_at, &e);
    if (!rc)
        return 0;
    if (rc > 0)
        rc = first_form_read(source.text, source.n, &first, &e);
    if (!rc)
        rc = hand_on(folder, first.change, &e);
    if (!rc)
        rc = settings_first(kept, first.has_network ? &first.network : NULL,
                            first.has_time ? &first.time : NULL, &e);
    first_form_fini(&first);
    if (rc) {
        (void)hand_on(folder, NULL, NULL);
        tell(folder, "first configuration refused, nothing of it counts: ",
             err_text(&e, text, sizeof text));
        fprintf(stderr, "penstock-first: the %s is refused: %s\n", source.name, text);
        return 1;
    }
    tell(folder, "first configuration taken from the ", source.name);
    log_event(LOG_INFO, "first_configuration", "from=%s", source.name);
    return 0;
}

/* ---- administrators ---- */

/* Why the gateway refuses, in its words. */
static void read_problem(const char *answer, int status, struct err *e)
{
    json_t *problem = json_loads(answer, 0, NULL);
    const char *at = json_string_value(json_object_get(problem, "pointer"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *remedy = json_string_value(json_object_get(problem, "remedy"));

    err_set(e, -EINVAL, at ? at : "administrators", remedy ? remedy : "see the gateway's log",
            "%s (status %d)", detail ? detail : "the gateway does not take them", status);
    json_decref(problem);
}

/* Wait for what is under way in the gateway: a start, or another change. 0, or -errno with *e. */
static int ask_gateway(const char *state, const char *change, struct err *e)
{
    char path[256], answer[4096] = "";
    int status = 0;

    snprintf(path, sizeof path, "%s/penstock.sock", state);
    for (unsigned i = 0; i < TRIES; i++) {
        status = local_send(path, "PATCH", "/api/v1/config", change, answer, sizeof answer);
        if (status > 0 && status != 409 && status != 503)
            break;
        sleep(1);
    }
    if (status / 100 == 2)
        return 0;
    read_problem(answer, status, e);
    return -EINVAL;
}

static int administrators(const char *state, const char *folder)
{
    static char change[2 * FIRST_MAX];
    char text[1100];
    struct err e;
    size_t n = 0;
    int rc = drive_file(folder, CHANGE, change, sizeof change - 1, &n, &e);

    if (rc == -ENOENT || !owner_none(state))
        return 0;
    change[n] = '\0';
    if (!rc)
        rc = ask_gateway(state, change, &e);
    if (rc) {
        tell(folder, "its administrators are refused: ", err_text(&e, text, sizeof text));
        fprintf(stderr, "penstock-first: the administrators are refused: %s\n", text);
        return 1;
    }
    tell(folder, "its administrators can come in", "");
    log_event(LOG_INFO, "first_administrators", "how=\"a trust of their own\"");
    return 0;
}

int main(int argc, char **argv)
{
    log_init("first", LOG_INFO);
    if (argc == 3 && !strcmp(argv[1], "open"))
        return owner_none(argv[2]) ? 0 : 1;
    if (argc == 6 && !strcmp(argv[1], "take"))
        return take(argv[2], argv[3], argv[4], argv[5]);
    if (argc == 4 && !strcmp(argv[1], "administrators"))
        return administrators(argv[2], argv[3]);
    fprintf(stderr, "usage: penstock-first open STATE | take STATE KEPT DISK FOLDER | "
                    "administrators STATE FOLDER\n");
    return 2;
}
