#include "mgmt/store/objects.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mgmt/store/file.h"

#define DIRECTORY "objects"
#define PREFIX    "sha256:"
#define DIGITS    64

int objects_init(void)
{
    return mkdir(DIRECTORY, 0700) && errno != EEXIST ? -errno : 0;
}

static bool is_hash(const char *text)
{
    return strlen(text) == DIGITS && strspn(text, "0123456789abcdef") == DIGITS;
}

bool objects_is_ref(const char *text)
{
    return !strncmp(text, PREFIX, strlen(PREFIX)) && is_hash(text + strlen(PREFIX));
}

void objects_hash(const void *data, size_t n, char hex[65])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    SHA256(data, n, hash);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}

static void path_of(const char *ref, char path[128])
{
    snprintf(path, 128, DIRECTORY "/%s", ref + strlen(PREFIX));
}

int objects_put(const void *data, size_t n, char ref[OBJECTS_REF_MAX])
{
    char path[128], hex[65];
    struct stat st;

    objects_hash(data, n, hex);
    snprintf(ref, OBJECTS_REF_MAX, PREFIX "%s", hex);
    path_of(ref, path);
    if (!stat(path, &st) && (size_t)st.st_size == n)
        return 0;
    return file_write(path, data, n);
}

int objects_get(const char *ref, size_t max, uint8_t **data, size_t *n)
{
    char path[128], hex[65];
    uint8_t *mem;
    size_t size;
    int rc;

    if (!objects_is_ref(ref))
        return -EINVAL;
    path_of(ref, path);
    rc = file_read(path, max, &mem, &size);
    if (rc)
        return rc;
    objects_hash(mem, size, hex);
    if (strcmp(hex, ref + strlen(PREFIX)) != 0) {
        free(mem);
        return -EBADMSG;
    }
    *data = mem;
    *n = size;
    return 0;
}

int64_t objects_size(const char *ref)
{
    char path[128];
    struct stat st;

    if (!objects_is_ref(ref))
        return -EINVAL;
    path_of(ref, path);
    return stat(path, &st) ? -errno : st.st_size;
}

int objects_sweep(bool (*used)(void *arg, const char *ref), void *arg)
{
    DIR *dir = opendir(DIRECTORY);
    struct dirent *entry;

    if (!dir)
        return -errno;
    while ((entry = readdir(dir))) {
        char ref[OBJECTS_REF_MAX];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(ref, sizeof ref, PREFIX "%.64s", entry->d_name);
        if (!is_hash(entry->d_name) || !used(arg, ref))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return 0;
}
