/* checkup: does a unit come out of the service manager's words as it is, whatever stands there? */
#include "appliance-image/src/checkup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance-image/src/listeners.h"
#include "appliance-image/src/words.h"

#include "tests/unit/test.h"

static struct system_checkup got;

static void read_text(const char *text)
{
    static char copy[64 * 1024];

    snprintf(copy, sizeof copy, "%s", text);
    checkup_read(copy, &got);
}

TEST("each unit has its own lines, in any order, and those that it lacks are empty")
{
    read_text("Id=penstockd.service\nNRestarts=2\nActiveState=active\nSubState=running\n"
              "Result=success\nMemoryCurrent=1048576\n\n"
              "Id=state.mount\nResult=exit-code\nActiveState=failed\nMemoryCurrent=[not set]\n");
    EXPECT(got.n_units == 2);
    EXPECT(!strcmp(got.units[0].name, "penstockd.service") && got.units[0].restarts == 2);
    EXPECT(!strcmp(got.units[0].active, "active") && !strcmp(got.units[0].sub, "running"));
    EXPECT(got.units[0].memory == 1048576);
    EXPECT(!strcmp(got.units[1].active, "failed") && !strcmp(got.units[1].result, "exit-code"));
    EXPECT(got.units[1].memory == 0 && got.units[1].sub[0] == '\0');
}

TEST("what is no unit, a name that is none and a line before the first name are passed over")
{
    read_text("ActiveState=active\nnonsense\n\nId=a b.service\nActiveState=active\n\nId=c.mount\n");
    EXPECT(got.n_units == 1 && !strcmp(got.units[0].name, "c.mount"));
    EXPECT(got.units[0].active[0] == '\0');
    read_text("");
    EXPECT(got.n_units == 0);
}

TEST("a long word is cut, strange bytes are marked, and units beyond the room are left out")
{
    static char many[16 * 1024];
    size_t n = 0;

    read_text("Id=a.service\nSubState=0123456789012345678901234567890123456789\nResult=a\tb\x7f\n");
    EXPECT(strlen(got.units[0].sub) == SYSTEM_WORD - 1 && !strcmp(got.units[0].result, "a?b?"));
    for (unsigned i = 0; i < SYSTEM_UNITS + 10; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "Id=u%u.service\nNRestarts=%u\n\n", i, i);
    read_text(many);
    EXPECT(got.n_units == SYSTEM_UNITS && got.units[SYSTEM_UNITS - 1].restarts == SYSTEM_UNITS - 1);
}

TEST("a line of the kernel's tables is a socket that listens, or it is none")
{
    static const char rest[] = " 00000000:00000000 00:00000000 00000000   990        0 22000863";
    struct system_listener l;
    char line[256], text[NETWORK_TEXT];

    snprintf(line, sizeof line, "   0: 0100007F:24E3 00000000:0000 0A%s", rest);
    EXPECT(listeners_line(line, SYSTEM_TCP, &l) && l.port == 9443 && l.user == 990);
    EXPECT(!strcmp(network_text(&l.address, false, text), "127.0.0.1"));
    EXPECT(!listeners_line(line, SYSTEM_UDP, &l));
    snprintf(line, sizeof line,
             " 112: 00000000000000000000000001000000:0044 "
             "00000000000000000000000000000000:0000 07%s",
             rest);
    EXPECT(listeners_line(line, SYSTEM_UDP, &l) && l.port == 68 && l.address.family == AF_INET6);
    EXPECT(!strcmp(network_text(&l.address, false, text), "::1"));
    EXPECT(!listeners_line("  sl  local_address rem_address   st", SYSTEM_TCP, &l));
    EXPECT(!listeners_line("   0: 0100:24E3 00000000:0000 0A 0:0 0:0 0 990", SYSTEM_TCP, &l));
    EXPECT(!listeners_line("", SYSTEM_TCP, &l));
}

TEST("what a program says comes whole, or its last lines, or not at all")
{
    const char *const fails[] = {"/bin/sh", "-c", "echo x; exit 3", NULL};
    const char *const none[] = {"/nonexistent", NULL};
    const char *const two[] = {"/bin/sh", "-c", "echo one; sleep 0.1; echo two; env", NULL};
    const char *const much[] = {"/bin/sh", "-c",
                                "i=0; while [ $i -lt 999 ]; do echo $i; i=$((i + 1)); done", NULL};
    char text[64];

    EXPECT(words_of(fails, text, sizeof text, false) == -ECHILD);
    EXPECT(words_of(none, text, sizeof text, false) == -ECHILD);
    EXPECT(words_of(two, text, sizeof text, false) > 8 && !strncmp(text, "one\ntwo\n", 8));
    EXPECT(!strstr(text, "PATH="));
    EXPECT(words_of(much, text, sizeof text, false) == -E2BIG);
    EXPECT(words_of(much, text, sizeof text, true) >= 31 && strstr(text, "\n997\n998\n"));
}

TEST("of a journal come the last whole lines, in ASCII")
{
    char path[] = "/tmp/penstock-journal-XXXXXX", text[SYSTEM_DATA_MAX];
    int fd = mkstemp(path), n;

    EXPECT(fd >= 0 && !fchmod(fd, 0700));
    EXPECT(dprintf(fd, "#!/bin/sh\nprintf 'first\\na\\tb\\303\\244\\nlast\\n'\n") > 0 &&
           !close(fd));
    n = checkup_journal(path, text, sizeof text);
    EXPECT(n == 17 && !memcmp(text, "first\na?b??\nlast\n", 17));
    n = checkup_journal(path, text, 8);
    EXPECT(n == 5 && !memcmp(text, "last\n", 5));
    EXPECT(checkup_journal(path, text, 3) == 0);
    EXPECT(checkup_journal("/bin/false", text, sizeof text) == -ECHILD);
    unlink(path);
}

int main(void)
{
    return test_run();
}
