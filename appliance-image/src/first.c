/*
 * penstock-first open STATE
 * penstock-first take STATE KEPT DISK FOLDER: a new appliance's network and time, from a
 * credential (penstock.config) or from the disk (drive.h), to the folder of what is kept
 * (settings.h). What came of it is told in FOLDER/news, for the console.
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
#include "appliance-image/src/owner.h"
#include "appliance-image/src/settings.h"
#include "dataplane/base/log.h"

#define CREDENTIAL "penstock.config"

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

static void tell(const char *folder, const char *source, const struct err *e)
{
    char path[256], text[1100];
    FILE *f;

    snprintf(path, sizeof path, "%s/news", folder);
    f = fopen(path, "we");
    if (!f)
        return;
    if (e)
        fprintf(f, "first configuration refused, nothing of it counts: %s\n",
                err_text(e, text, sizeof text));
    else
        fprintf(f, "first configuration taken from the %s\n", source);
    fclose(f);
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
        rc = settings_first(kept, first.has_network ? &first.network : NULL,
                            first.has_time ? &first.time : NULL, &e);
    tell(folder, source.name, rc ? &e : NULL);
    if (!rc)
        log_event(LOG_INFO, "first_configuration", "from=%s", source.name);
    else
        fprintf(stderr, "penstock-first: the %s is refused: %s\n", source.name,
                err_text(&e, text, sizeof text));
    return rc ? 1 : 0;
}

int main(int argc, char **argv)
{
    log_init("first", LOG_INFO);
    if (argc == 3 && !strcmp(argv[1], "open"))
        return owner_none(argv[2]) ? 0 : 1;
    if (argc == 6 && !strcmp(argv[1], "take"))
        return take(argv[2], argv[3], argv[4], argv[5]);
    fprintf(stderr, "usage: penstock-first open STATE | take STATE KEPT DISK FOLDER\n");
    return 2;
}
