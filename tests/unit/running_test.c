/* running: is what runs told from whole texts only? And does a trial end as it should? */
#include "appliance-image/src/running.h"

#include <errno.h>

#include "appliance-image/src/trial.h"
#include "tests/unit/test.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

TEST("the version is VERSION_ID, and nothing that looks like it")
{
    static const char *const wrong[] = {"",
                                        "VERSION_ID=\n",
                                        "VERSION_ID=2026012312000\n",
                                        "VERSION_ID=202601231200000\n",
                                        "VERSION_ID=20260123120000x\n",
                                        "X_VERSION_ID=20260123120000\n",
                                        "VERSION_ID=00000000000000\n",
                                        "VERSION_ID=\"20260123120000\"\n"};
    uint64_t v = 0;

    EXPECT(!running_version("ID=penstock\nVERSION_ID=20260123120000\nA=b\n", &v));
    EXPECT(v == 20260123120000ULL);
    EXPECT(!running_version("VERSION_ID=20260123120001", &v) && v == 20260123120001ULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        EXPECT(running_version(wrong[i], &v) == -EINVAL);
    EXPECT(v == 20260123120001ULL);
}

TEST("the slot is the first half of the whole hash on the command line")
{
    static const char *const wrong[] = {"",
                                        "quiet",
                                        "roothash=",
                                        "roothash=0123",
                                        "noroothash=" HASH,
                                        "roothash=" HASH "0",
                                        "roothash=" HASH "x",
                                        "roothash=0X" HASH};
    uint8_t uuid[ENTRY_UUID] = {0};

    EXPECT(!running_uuid("quiet roothash=" HASH " x=y\n", uuid));
    EXPECT(uuid[0] == 0x01 && uuid[7] == 0xef && uuid[8] == 0x01 && uuid[15] == 0xef);
    EXPECT(!running_uuid("roothash=" HASH, uuid));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        EXPECT(running_uuid(wrong[i], uuid) == -EINVAL);
}

TEST("a good version has no trial; one that was counted, set aside or started last has")
{
    static const struct {
        enum entry_state running, other;
        bool on, way_back;
    } rows[] = {
        {ENTRY_GOOD, ENTRY_STORED, false, false}, {ENTRY_NONE, ENTRY_GOOD, false, true},
        {ENTRY_TRIAL, ENTRY_GOOD, true, true},    {ENTRY_TRIAL, ENTRY_ASIDE, true, true},
        {ENTRY_FAILED, ENTRY_GOOD, true, true},   {ENTRY_TRIAL, ENTRY_NONE, true, false},
        {ENTRY_TRIAL, ENTRY_FAILED, true, false}, {ENTRY_ASIDE, ENTRY_GOOD, true, false},
    };
    struct trial t;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trial_begin(&t, rows[i].running, rows[i].other, 30, TRIAL_S);
        EXPECT(t.on == rows[i].on && t.way_back == rows[i].way_back);
        EXPECT(trial_due(&t, 30) == rows[i].on);
    }
}

TEST("three good looks in a row pass it; a bad one between begins again")
{
    struct trial t;

    trial_begin(&t, ENTRY_TRIAL, ENTRY_GOOD, 30, TRIAL_S);
    EXPECT(trial_look(&t, true, 30) == TRIAL_WAIT);
    EXPECT(!trial_due(&t, 30 + TRIAL_EACH_S - 1) && trial_due(&t, 30 + TRIAL_EACH_S));
    EXPECT(trial_look(&t, true, 35) == TRIAL_WAIT && trial_look(&t, false, 40) == TRIAL_WAIT);
    EXPECT(trial_look(&t, true, 45) == TRIAL_WAIT && trial_look(&t, true, 50) == TRIAL_WAIT);
    EXPECT(trial_look(&t, true, 55) == TRIAL_PASSED);
    EXPECT(!trial_due(&t, 1000));
}

TEST(
    "it is lost when the time is over, but not while it is just getting well, nor with no way back")
{
    struct trial t;

    trial_begin(&t, ENTRY_TRIAL, ENTRY_GOOD, 30, TRIAL_S);
    EXPECT(trial_look(&t, false, TRIAL_S - 1) == TRIAL_WAIT);
    EXPECT(trial_look(&t, true, TRIAL_S) == TRIAL_WAIT);
    EXPECT(trial_look(&t, false, TRIAL_S + 5) == TRIAL_LOST);
    EXPECT(!trial_due(&t, TRIAL_S + 100));
    trial_begin(&t, ENTRY_TRIAL, ENTRY_NONE, 30, TRIAL_S);
    EXPECT(trial_look(&t, false, TRIAL_S + 5) == TRIAL_WAIT);
    trial_begin(&t, ENTRY_ASIDE, ENTRY_GOOD, 30, TRIAL_S);
    EXPECT(trial_look(&t, false, TRIAL_S + 5) == TRIAL_WAIT);
}

int main(void)
{
    return test_run();
}
