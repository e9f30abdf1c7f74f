#include "appliance-image/src/entry.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/check.h"

#define PREFIX         "penstock-"
#define VERSION_DIGITS 14
#define UUID_DIGITS    (2 * ENTRY_UUID)

static const char *const state_names[ENTRY_STATES] = {
    [ENTRY_NONE] = "empty",  [ENTRY_PART] = "incomplete", [ENTRY_STORED] = "installed",
    [ENTRY_TRIAL] = "trial", [ENTRY_GOOD] = "good",       [ENTRY_FAILED] = "failed",
    [ENTRY_ASIDE] = "aside",
};

const char *entry_state_name(enum entry_state s)
{
    check(s < ENTRY_STATES);
    return state_names[s];
}

/* What follows the UUID; the numbers are those of the state. */
static void ending(const struct entry *e, char *to, size_t n)
{
    if (e->state == ENTRY_PART || e->state == ENTRY_STORED)
        snprintf(to, n, "%s", e->state == ENTRY_PART ? ".part" : ".stored");
    else if (e->state == ENTRY_GOOD)
        snprintf(to, n, ".efi");
    else
        snprintf(to, n, "+%u-%u.efi", e->state == ENTRY_TRIAL ? e->left : 0U,
                 e->state == ENTRY_ASIDE ? 0U : e->done);
}

void entry_name(const struct entry *e, char name[ENTRY_NAME_MAX])
{
    char hex[UUID_DIGITS + 1], end[24];

    check(e->state > ENTRY_NONE && e->state < ENTRY_STATES);
    for (unsigned i = 0; i < ENTRY_UUID; i++)
        snprintf(hex + 2 * i, 3, "%02x", e->uuid[i]);
    ending(e, end, sizeof end);
    snprintf(name, ENTRY_NAME_MAX, PREFIX "%014" PRIu64 "-%s%s", e->version, hex, end);
}

/* `digits` decimal digits at *at, which moves on; false: there are fewer. */
static bool take_number(const char **at, unsigned digits, uint64_t *v)
{
    *v = 0;
    for (unsigned i = 0; i < digits; i++, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *v = *v * 10 + (uint64_t)(**at - '0');
    }
    return true;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_uuid(const char **at, uint8_t uuid[ENTRY_UUID])
{
    for (unsigned i = 0; i < ENTRY_UUID; i++, *at += 2) {
        int high = nibble((*at)[0]), low = high < 0 ? -1 : nibble((*at)[1]);

        if (low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* One or two digits. */
static bool take_count(const char **at, uint8_t *v)
{
    unsigned n = (unsigned)strspn(*at, "0123456789");
    uint64_t got;

    if (n < 1 || n > 2 || !take_number(at, n, &got))
        return false;
    *v = (uint8_t)got;
    return true;
}

/* "+LEFT-DONE.efi" */
static bool take_counted(const char *at, struct entry *e)
{
    if (*at++ != '+' || !take_count(&at, &e->left) || *at++ != '-' || !take_count(&at, &e->done))
        return false;
    e->state = e->left ? ENTRY_TRIAL : e->done ? ENTRY_FAILED : ENTRY_ASIDE;
    return !strcmp(at, ".efi");
}

int entry_parse(const char *name, struct entry *e)
{
    static const struct {
        const char *end;
        enum entry_state state;
    } plain[] = {{".efi", ENTRY_GOOD}, {".stored", ENTRY_STORED}, {".part", ENTRY_PART}};
    struct entry got = {0};
    const char *at = name + strlen(PREFIX);
    char same[ENTRY_NAME_MAX];

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 ||
        !take_number(&at, VERSION_DIGITS, &got.version) || *at++ != '-' ||
        !take_uuid(&at, got.uuid))
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        if (!strcmp(at, plain[i].end))
            got.state = plain[i].state;
    if (got.state == ENTRY_NONE && !take_counted(at, &got))
        return -EINVAL;
    entry_name(&got, same);
    if (strcmp(same, name) != 0)
        return -EINVAL;
    *e = got;
    return 0;
}
