#include "appliance-image/src/running.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define VERSION_DIGITS 14
#define HASH_DIGITS    64

/* What follows `key` at the begin of a word (or line); NULL: it is nowhere. */
static const char *find(const char *text, const char *key)
{
    size_t n = strlen(key);

    for (const char *at = text; (at = strstr(at, key)); at++)
        if (at == text || at[-1] == '\n' || at[-1] == ' ')
            return at + n;
    return NULL;
}

int running_version(const char *text, uint64_t *version)
{
    const char *at = find(text, "VERSION_ID=");
    size_t n = at ? strspn(at, "0123456789") : 0;
    uint64_t v;

    if (n != VERSION_DIGITS || (at[n] && at[n] != '\n'))
        return -EINVAL;
    v = strtoull(at, NULL, 10);
    if (v < BUNDLE_VERSION_FIRST || v > BUNDLE_VERSION_LAST)
        return -EINVAL;
    *version = v;
    return 0;
}

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

int64_t running_made_s(uint64_t version)
{
    unsigned day = (unsigned)(version / 1000000), second = (unsigned)(version % 1000000);
    struct tm t = {.tm_year = (int)(day / 10000) - 1900,
                   .tm_mon = (int)(day / 100 % 100) - 1,
                   .tm_mday = (int)(day % 100),
                   .tm_hour = (int)(second / 10000),
                   .tm_min = (int)(second / 100 % 100),
                   .tm_sec = (int)(second % 100)};
    time_t at = timegm(&t);

    return at > 0 ? at : 0;
}

int running_uuid(const char *text, uint8_t uuid[ENTRY_UUID])
{
    const char *at = find(text, "roothash=");
    size_t n = at ? strspn(at, "0123456789abcdef") : 0;

    if (n != HASH_DIGITS || (at[n] && at[n] != ' ' && at[n] != '\n'))
        return -EINVAL;
    for (unsigned i = 0; i < ENTRY_UUID; i++)
        uuid[i] = (uint8_t)(digit(at[2 * i]) << 4 | digit(at[2 * i + 1]));
    return 0;
}

static ssize_t read_file(const char *path, void *to, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -errno : read(fd, to, cap);

    if (fd >= 0 && n < 0)
        n = -errno;
    if (fd >= 0)
        close(fd);
    return n;
}

int running_read(const char *path, char text[RUNNING_TEXT_MAX], struct err *e)
{
    ssize_t n = read_file(path, text, RUNNING_TEXT_MAX);

    if (n == RUNNING_TEXT_MAX)
        n = -EFBIG;
    if (n < 0)
        return err_set(e, (int)n, path, "start from the appliance's image", "can not be read (%s)",
                       strerror((int)-n));
    text[n] = '\0';
    return 0;
}

int running_key(const char *path, uint8_t key[BUNDLE_KEY], struct err *e)
{
    uint8_t got[BUNDLE_KEY + 1];
    ssize_t n = read_file(path, got, sizeof got);

    if (n != BUNDLE_KEY)
        return err_set(e, n < 0 ? (int)n : -EINVAL, path, "start from the appliance's image",
                       "is no public key of %d bytes", BUNDLE_KEY);
    memcpy(key, got, BUNDLE_KEY);
    return 0;
}
