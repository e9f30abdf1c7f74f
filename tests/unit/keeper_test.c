/* keeper: is it told when keepalived runs and says nothing, and believed when it speaks? */
#include "appliance-image/src/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "tests/unit/test.h"

#define WAIT_MS 20000

/* A keepalived that runs and is never heard. */
static void write_mute(const char *path)
{
    FILE *f = fopen(path, "we");

    EXPECT(f && fputs("#!/bin/sh\nexec sleep 100\n", f) >= 0 && !fclose(f));
    EXPECT(!chmod(path, 0700));
}

static bool becomes(struct keeper *k, enum vrrp_state state)
{
    uint64_t until_ms = clock_mono_ms() + WAIT_MS;

    while (k->status.state != state && clock_mono_ms() < until_ms) {
        struct pollfd p[KEEPER_POLL];

        keeper_poll(k, p);
        (void)poll(p, KEEPER_POLL, 20);
        keeper_run(k);
    }
    return k->status.state == state;
}

static void tell(const char *folder, const char *text)
{
    char path[128];
    int fd;

    snprintf(path, sizeof path, "%s/notify", folder);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

TEST("one that runs and says nothing has failed, and is what it says as soon as it speaks")
{
    static struct keeper k;
    struct vrrp_set set = {.on = true,
                           .interface = "lo",
                           .router = 7,
                           .priority = 100,
                           .interval_ms = 1000,
                           .n_addresses = 1};
    char folder[] = "/tmp/penstock-keeper-XXXXXX", program[128];
    struct err e;

    EXPECT(mkdtemp(folder) != NULL);
    snprintf(program, sizeof program, "%s/mute", folder);
    write_mute(program);
    EXPECT(!vrrp_address_parse("192.0.2.1/24", &set.addresses[0]));
    EXPECT(!keeper_open(&k, folder, program, &e));
    k.patience_ms = 50;
    keeper_set(&k, &set);
    EXPECT(k.status.state == VRRP_STARTING);
    EXPECT(becomes(&k, VRRP_FAILED) && strstr(k.status.why, "has not said") && k.pid);
    tell(folder, "INSTANCE \"penstock\" MASTER 100\n");
    EXPECT(becomes(&k, VRRP_ACTIVE) && k.status.why[0] == '\0');
    keeper_close(&k);
    snprintf(program, sizeof program, "rm -r %s", folder);
    EXPECT(!system(program));
}

int main(void)
{
    return test_run();
}
