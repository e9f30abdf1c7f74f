/* entry: does every name of a kernel image say one thing, and no other name anything? */
#include "appliance-image/src/entry.h"

#include <errno.h>

#include "tests/unit/test.h"

#define UUID    "000102030405060708090a0b0c0d0e0f"
#define VERSION "20261129005000"

static const struct {
    const char *end;
    enum entry_state state;
    uint8_t left, done;
} rows[] = {
    {".efi", ENTRY_GOOD, 0, 0},      {".stored", ENTRY_STORED, 0, 0},
    {".part", ENTRY_PART, 0, 0},     {"+3-0.efi", ENTRY_TRIAL, 3, 0},
    {"+1-2.efi", ENTRY_TRIAL, 1, 2}, {"+0-3.efi", ENTRY_FAILED, 0, 3},
    {"+0-0.efi", ENTRY_ASIDE, 0, 0}, {"+10-99.efi", ENTRY_TRIAL, 10, 99},
};

TEST("each state has its name, and the name says the state again")
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[128], again[ENTRY_NAME_MAX];
        struct entry e;

        snprintf(name, sizeof name, "penstock-" VERSION "-" UUID "%s", rows[i].end);
        EXPECT(!entry_parse(name, &e));
        EXPECT(e.version == 20261129005000ULL && e.uuid[0] == 0 && e.uuid[15] == 15);
        EXPECT(e.state == rows[i].state && e.left == rows[i].left && e.done == rows[i].done);
        entry_name(&e, again);
        EXPECT(!strcmp(again, name));
        EXPECT(entry_state_name(e.state)[0] != 0);
    }
}

TEST("a name that we would not have made says nothing")
{
    static const char *const names[] = {
        "",
        "penstock-",
        "BOOTX64.EFI",
        "penstock-" VERSION,
        "penstock-" VERSION "-" UUID,
        "penstock-" VERSION "-" UUID ".EFI",
        "penstock-" VERSION "-" UUID ".efi.bak",
        "penstock-" VERSION "-" UUID "+3.efi",
        "penstock-" VERSION "-" UUID "+03-0.efi",
        "penstock-" VERSION "-" UUID "+3-.efi",
        "penstock-" VERSION "-" UUID "+300-0.efi",
        "penstock-" VERSION "-" UUID "+-0.efi",
        "penstock-" VERSION "-" UUID "+3-0.stored",
        "penstock-2026112900500-" UUID ".efi",
        "penstock-202611290050000-" UUID ".efi",
        "penstock-" VERSION "-000102030405060708090a0b0c0d0e0.efi",
        "penstock-" VERSION "-000102030405060708090A0B0C0D0E0F.efi",
        "penstock-+++++++++++++++",
    };
    struct entry e = {.version = 7};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        EXPECT(entry_parse(names[i], &e) == -EINVAL);
    EXPECT(e.version == 7);
}

int main(void)
{
    return test_run();
}
