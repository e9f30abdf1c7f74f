#include "appliance-image/src/proved.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "appliance-image/src/running.h"
#include "appliance-image/src/slots.h"

/* One of its names says so, and none says that it is on trial. */
static bool judge(DIR *dir, const uint8_t uuid[ENTRY_UUID])
{
    struct dirent *d;
    bool good = false;

    while ((d = readdir(dir)) != NULL) {
        struct entry e;

        if (entry_parse(d->d_name, &e) || memcmp(e.uuid, uuid, ENTRY_UUID) != 0)
            continue;
        if (e.state == ENTRY_TRIAL || e.state == ENTRY_FAILED)
            return false; /* FAILED: this is its last start */
        good = good || e.state == ENTRY_GOOD || e.state == ENTRY_ASIDE;
    }
    return good;
}

bool proved(const char *cmdline, const char *esp)
{
    char text[RUNNING_TEXT_MAX], path[256];
    uint8_t uuid[ENTRY_UUID];
    struct err e;
    bool good;
    DIR *dir;

    if (running_read(cmdline, text, &e) || running_uuid(text, uuid))
        return false;
    if (snprintf(path, sizeof path, "%s/" SLOTS_ENTRY, esp) >= (int)sizeof path)
        return false;
    dir = opendir(path);
    good = dir && judge(dir, uuid);
    if (dir)
        closedir(dir);
    return good;
}
