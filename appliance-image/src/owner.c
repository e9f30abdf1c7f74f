#include "appliance-image/src/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Neither is one, nor was one: the list of a later time may be empty again. */
static bool says_none(const json_t *authority)
{
    const json_t *administrators = json_object_get(authority, "administrators");

    return json_is_array(administrators) && !json_array_size(administrators) &&
           !json_object_get(authority, "owned");
}

bool owner_none(const char *state)
{
    char path[256];
    struct stat st;
    json_t *authority;
    bool none;
    int fd;

    if (snprintf(path, sizeof path, "%s/mgmt", state) >= (int)sizeof path - 32)
        return false;
    if (stat(path, &st))
        return errno == ENOENT; /* it has never started */
    snprintf(path, sizeof path, "%s/mgmt/authority.json", state);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    authority = json_loadfd(fd, 0, NULL);
    close(fd);
    none = says_none(authority);
    json_decref(authority);
    return none;
}
