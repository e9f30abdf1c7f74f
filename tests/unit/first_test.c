/* first: is a new appliance's document taken whole or not at all, and only where nobody has been?
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance-image/src/drive.h"
#include "appliance-image/src/first_form.h"
#include "appliance-image/src/owner.h"
#include "tests/unit/test.h"

static struct err e;

/* Where the document is refused, or "" when it is good. */
static const char *judged(const char *text, struct first *f)
{
    e = (struct err){.where = ""};
    return first_form_read(text, strlen(text), f, &e) ? e.where : "";
}

TEST("network and time are read as over REST")
{
    struct first f = {.has_network = false};

    EXPECT(
        !*judged("{\"network\": {\"interfaces\": {\"eth0\": {\"addresses\": [\"192.0.2.1/24\"]}}},"
                 "\"time\": {\"servers\": [\"ntp.test\"]}}",
                 &f));
    EXPECT(f.has_network && f.has_time && f.network.n_links == 1 && f.time.n == 1);
    EXPECT(!strcmp(f.network.links[0].name, "eth0") && !strcmp(f.time.servers[0], "ntp.test"));
    EXPECT(!*judged("{\"time\": {\"servers\": []}}", &f) && f.has_time && !f.has_network);
}

TEST("administrators become a change of the gateway's configuration")
{
    struct first f = {.has_network = false};
    char *text;

    EXPECT(
        !*judged("{\"administrators\": {\"trust\": {\"anchors\": [\"a\"]}, \"access\": []}}", &f));
    text = json_dumps(f.change, JSON_COMPACT | JSON_SORT_KEYS);
    EXPECT(text && !strcmp(text, "{\"management\":{\"access\":[],\"listen\":{\"tls\":{\"trust\":"
                                 "\"administrators\"}}},\"trust\":{\"administrators\":{\"anchors\":"
                                 "[\"a\"]}}}"));
    free(text);
    first_form_fini(&f);
    EXPECT(!f.change);
}

TEST("one mistake refuses the whole, with its place, and nothing is given out")
{
    static const struct {
        const char *text, *where;
    } bad[] = {
        {"", "/"},
        {"{", "/"},
        {"[]", "/"},
        {"{}", "/"},
        {"{\"time\": {\"servers\": []}, \"time\": {\"servers\": []}}", "/"},
        {"{\"time\": {\"servers\": []}} x", "/"},
        {"{\"time\": {\"servers\": []}, \"shell\": 1}", "/shell"},
        {"{\"time\": {\"servers\": [\"a b\"]}}", "/time/servers/0"},
        {"{\"time\": {\"servers\": []}, \"network\": 5}", "/network"},
        {"{\"administrators\": 5}", "/administrators"},
        {"{\"administrators\": {\"trust\": {}}}", "/administrators/access"},
        {"{\"administrators\": {\"trust\": 1, \"access\": []}}", "/administrators/trust"},
        {"{\"administrators\": {\"trust\": {}, \"access\": 1}}", "/administrators/access"},
        {"{\"time\": {\"servers\": []}, \"network\": {\"interfaces\": {\"eth0\": {\"mtu\": 9}}}}",
         "/network/interfaces/eth0/mtu"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct first f = {.has_network = false};

        if (strcmp(judged(bad[i].text, &f), bad[i].where) != 0)
            printf("    %s: at %s\n", bad[i].text, e.where);
        EXPECT(!strcmp(e.where, bad[i].where) && e.what[0] && e.fix[0]);
        EXPECT(!f.has_network && !f.has_time);
    }
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    EXPECT(f && fputs(text, f) >= 0 && !fclose(f));
}

TEST("a drive without the file, with a link or with too much in its place is refused")
{
    char folder[] = "/tmp/penstock-first-XXXXXX", path[512], text[16];
    size_t n = 0;

    EXPECT(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/" DRIVE_FILE, folder);
    EXPECT(drive_read("/nowhere", "/nowhere", text, sizeof text, &n, &e) == -ENOENT);
    EXPECT(drive_read(folder, "/nowhere", text, sizeof text, &n, &e) == -EINVAL);
    EXPECT(!symlink("/etc/passwd", path));
    EXPECT(drive_read(folder, "/nowhere", text, sizeof text, &n, &e) == -ELOOP);
    EXPECT(!unlink(path) && !mkfifo(path, 0600));
    EXPECT(drive_read(folder, "/nowhere", text, sizeof text, &n, &e) == -EINVAL);
    EXPECT(!unlink(path));
    put(folder, DRIVE_FILE, "0123456789abcdef");
    EXPECT(!drive_read(folder, "/nowhere", text, sizeof text, &n, &e) && n == 16);
    put(folder, DRIVE_FILE, "0123456789abcdef0");
    EXPECT(drive_read(folder, "/nowhere", text, sizeof text, &n, &e) == -EINVAL);
    EXPECT(!unlink(path) && !rmdir(folder));
}

TEST("where an administrator is or was, and where that can not be read, nothing is open")
{
    static const struct {
        const char *text;
        bool open;
    } of[] = {
        {"{\"administrators\": [], \"token\": \"a\"}", true},
        {"{\"administrators\": [{\"name\": \"ann\"}]}", false},
        {"{\"administrators\": [], \"owned\": true}", false},
        {"{\"administrators\": []", false},
        {"{}", false},
        {"", false},
    };
    char state[] = "/tmp/penstock-first-XXXXXX", folder[64], path[128];

    EXPECT(mkdtemp(state) && owner_none(state) && owner_none("/nowhere/at/all"));
    snprintf(folder, sizeof folder, "%s/mgmt", state);
    snprintf(path, sizeof path, "%s/authority.json", folder);
    EXPECT(!mkdir(folder, 0700) && !owner_none(state)); /* another trust than the gateway's own */
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        put(folder, "authority.json", of[i].text);
        EXPECT(owner_none(state) == of[i].open);
    }
    EXPECT(!unlink(path) && !rmdir(folder) && !rmdir(state));
}

int main(void)
{
    return test_run();
}
