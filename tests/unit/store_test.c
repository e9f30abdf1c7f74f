/* Does the store keep what it was told, over restarts, damage and a full disk? */
#include "mgmt/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <signal.h>
#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "mgmt/store/audit.h"
#include "mgmt/store/file.h"
#include "mgmt/store/objects.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/penstock-store-XXXXXX";

/* An empty directory to work in. */
static void enter(void)
{
    strcpy(strrchr(dir, '-'), "-XXXXXX");
    check(mkdtemp(dir) && chdir(dir) == 0 && objects_init() == 0);
}

static void leave(void)
{
    char command[128];

    check(chdir("/") == 0);
    snprintf(command, sizeof command, "rm -r %s", dir);
    check(system(command) == 0);
}

static void put(struct store *s, uint64_t number, const char *document)
{
    struct store_revision r = {.number = number,
                               .parent = number - 1,
                               .at_s = 1000,
                               .actor = (char *)(uintptr_t) "me",
                               .comment = (char *)(uintptr_t) "why",
                               .document = (char *)(uintptr_t)document};
    struct err e;

    EXPECT(store_stage(s, &r, &e) == 0);
    EXPECT(store_applied(s, number, &e) == 0);
}

static bool runs(struct store *s, uint64_t number, const char *word)
{
    struct store_revision r;
    bool good;

    if (store_running(s, &r))
        return false;
    good = r.number == number && strstr(r.document, word);
    store_revision_free(&r);
    return good;
}

TEST("a new store is empty, and says so")
{
    struct store_revision r;
    struct store s;
    struct err e;

    enter();
    EXPECT(store_open(&s, &e) == 0 && !s.put_aside[0]);
    EXPECT(store_last(&s) == 0 && store_running(&s, &r) == -ENOENT);
    EXPECT(store_get(&s, 1, &r) == -ENOENT && !store_setting(&s, "x"));
    store_close(&s);
    leave();
}

TEST("what was applied is there after a restart; what was only staged, or refused, does not run")
{
    struct store_revision r = {.number = 3,
                               .actor = (char *)(uintptr_t) "a",
                               .comment = (char *)(uintptr_t) "",
                               .document = (char *)(uintptr_t) "{}"};
    struct store s;
    struct err e;
    json_t *list;

    enter();
    EXPECT(store_open(&s, &e) == 0);
    put(&s, 1, "{\"a\": 1}");
    put(&s, 2, "{\"b\": 2}");
    EXPECT(store_stage(&s, &r, &e) == 0);
    store_close(&s);
    EXPECT(store_open(&s, &e) == 0);
    EXPECT(store_last(&s) == 2 && runs(&s, 2, "\"b\""));
    list = store_list(&s, 0, 10);
    EXPECT(json_array_size(list) == 2);
    json_decref(list);
    store_refused(&s, 3);
    EXPECT(store_get(&s, 3, &r) == -ENOENT);
    store_refused(&s, 2); /* applied: stays */
    EXPECT(store_last(&s) == 2);
    store_close(&s);
    leave();
}

TEST("a damaged database is put aside, and the file goes on with what ran, and from where it came")
{
    uint8_t rubbish[8192];
    struct store s;
    struct err e;
    char *value;
    int fd;

    memset(rubbish, 0xa5, sizeof rubbish);
    enter();
    EXPECT(store_open(&s, &e) == 0);
    EXPECT(store_set_imported(&s, "old", 3) == 0 && store_set_imported(&s, "abc", 7) == 0);
    put(&s, 7, "{\"seven\": true}");
    store_close(&s);
    fd = open("store.db", O_WRONLY);
    check(fd >= 0 && write(fd, rubbish, sizeof rubbish) == (ssize_t)sizeof rubbish);
    close(fd);
    EXPECT(store_open(&s, &e) == 0 && s.put_aside[0] && access(s.put_aside, F_OK) == 0);
    EXPECT(runs(&s, 7, "seven") && store_last(&s) == 7);
    value = store_setting(&s, "imported");
    EXPECT(value && !strcmp(value, "abc"));
    free(value);
    value = store_setting(&s, "imported_revision");
    EXPECT(value && !strcmp(value, "7"));
    free(value);
    store_close(&s);
    leave();
}

TEST("with a damaged running.json the database is enough, and with both damaged it is told")
{
    struct store_revision r;
    struct store s;
    struct err e;

    enter();
    EXPECT(store_open(&s, &e) == 0);
    put(&s, 1, "{\"one\": 1}");
    EXPECT(file_write("running.json", "{", 1) == 0);
    EXPECT(runs(&s, 1, "one"));
    store_close(&s);
    check(unlink("store.db") == 0);
    EXPECT(store_open(&s, &e) == 0 && store_running(&s, &r) == -EBADMSG);
    store_close(&s);
    leave();
}

TEST("a database of a newer version is left alone")
{
    struct store s;
    struct err e;
    sqlite3 *db;

    enter();
    EXPECT(store_open(&s, &e) == 0);
    store_close(&s);
    check(sqlite3_open("store.db", &db) == SQLITE_OK);
    check(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    EXPECT(store_open(&s, &e) == -EPROTO && strstr(e.what, "newer") && !s.db);
    leave();
}

TEST("a full disk refuses a revision before it counts, and the store goes on")
{
    static char large[400000] = "{\"x\": \"";
    struct rlimit small = {200000, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    struct store_revision r = {.number = 2,
                               .actor = (char *)(uintptr_t) "a",
                               .comment = (char *)(uintptr_t) "",
                               .document = large};
    struct store s;
    struct err e = {0};
    char ref[OBJECTS_REF_MAX];

    memset(large + 7, 'y', sizeof large - 10);
    memcpy(large + sizeof large - 3, "\"}", 3);
    enter();
    EXPECT(store_open(&s, &e) == 0);
    put(&s, 1, "{}");
    signal(SIGXFSZ, SIG_IGN);
    check(setrlimit(RLIMIT_FSIZE, &small) == 0);
    EXPECT(store_stage(&s, &r, &e) < 0 && e.what[0] && e.fix[0]);
    EXPECT(objects_put(large, sizeof large, ref) == -EFBIG);
    EXPECT(access("objects", F_OK) == 0 && runs(&s, 1, "{}"));
    check(setrlimit(RLIMIT_FSIZE, &all) == 0);
    put(&s, 3, "{\"later\": 1}");
    EXPECT(runs(&s, 3, "later"));
    store_close(&s);
    leave();
}

TEST("a file is the old one or the new one, and no temporary is left")
{
    uint8_t *data;
    size_t n;

    enter();
    EXPECT(file_write("f", "old", 3) == 0 && file_write("f", "newer", 5) == 0);
    EXPECT(file_read("f", 100, &data, &n) == 0 && n == 5 && !memcmp(data, "newer", 6));
    free(data);
    EXPECT(file_read("f", 4, &data, &n) == -EFBIG && file_read("g", 4, &data, &n) == -ENOENT);
    EXPECT(file_write("none/f", "x", 1) == -ENOENT && access("f.new", F_OK) < 0);
    check(symlink("f", "link") == 0);
    EXPECT(file_read("link", 100, &data, &n) == -ELOOP);
    leave();
}

static bool keep_first(void *arg, const char *ref)
{
    return !strcmp(ref, arg);
}

TEST("objects are kept by their hash: once, unchanged, and swept when nobody names them")
{
    char a[OBJECTS_REF_MAX], b[OBJECTS_REF_MAX], path[128];
    uint8_t *data;
    size_t n;

    enter();
    EXPECT(objects_put("abc", 3, a) == 0 && objects_put("abc", 3, b) == 0 && !strcmp(a, b));
    /* FIPS 180-2, B.1 */
    EXPECT(!strcmp(a, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    EXPECT(objects_get(a, 10, &data, &n) == 0 && n == 3 && !memcmp(data, "abc", 3));
    free(data);
    EXPECT(objects_get(a, 2, &data, &n) == -EFBIG);
    EXPECT(objects_put("other", 5, b) == 0);
    EXPECT(objects_sweep(keep_first, a) == 0);
    EXPECT(objects_get(b, 10, &data, &n) == -ENOENT);
    snprintf(path, sizeof path, "objects/%s", a + 7);
    check(file_write(path, "abd", 3) == 0);
    EXPECT(objects_get(a, 10, &data, &n) == -EBADMSG);
    leave();
}

TEST("old revisions are forgotten with what only they named; what runs, and the candidate, are not")
{
    char ref[5][OBJECTS_REF_MAX], document[128];
    struct store_revision r;
    struct store s;
    struct err e;
    uint8_t *data;
    size_t n;

    enter();
    EXPECT(store_open(&s, &e) == 0);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT(objects_put(&i, sizeof i, ref[i]) == 0);
        snprintf(document, sizeof document, "{\"a\": \"%s\"}", ref[i]);
        if (i < 4)
            put(&s, i + 1, document);
    }
    store_set(&s, "candidate", document);
    EXPECT(store_prune(&s, 2) == 0);
    EXPECT(store_get(&s, 2, &r) == -ENOENT && store_last(&s) == 4 && runs(&s, 4, ref[3]));
    for (unsigned i = 0; i < 5; i++) {
        bool kept = objects_get(ref[i], 16, &data, &n) == 0;

        EXPECT(kept == (i >= 2));
        if (kept)
            free(data);
    }
    EXPECT(store_prune(&s, 0) == 0 && runs(&s, 4, ref[3]));
    store_close(&s);
    EXPECT(store_prune(&s, 2) < 0); /* without a database nothing is swept */
    EXPECT(objects_get(ref[3], 16, &data, &n) == 0);
    free(data);
    leave();
}

TEST("only 64 lower-case digits make a reference")
{
    static const char *const bad[] = {
        "sha256:",
        "sha256:ba",
        "sha1:ba7816bf",
        "gw.pem",
        "sha256:../../../../../../../../../../../../etc/passwd0000000000000000",
        "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"};
    uint8_t *data;
    size_t n;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(!objects_is_ref(bad[i]));
        EXPECT(objects_get(bad[i], 10, &data, &n) == -EINVAL);
    }
}

TEST("the audit is a chain: every row holds, and the first that does not is named")
{
    struct audit_row row = {.actor = "me", .action = "test", .object = "it", .result = "done"};
    char hash[65], before[65];
    struct store s;
    struct err e;
    json_t *list;
    uint64_t n;

    enter();
    EXPECT(store_open(&s, &e) == 0);
    EXPECT(audit_verify(&s, &n, hash) == 0 && n == 0);
    for (int i = 0; i < 5; i++) {
        row.revision = (uint64_t)i;
        EXPECT(audit_add(&s, &row, &e) == 0);
    }
    EXPECT(audit_verify(&s, &n, before) == 0 && n == 5);
    list = audit_list(&s, 4, 2);
    EXPECT(json_array_size(list) == 2 &&
           json_integer_value(json_object_get(json_array_get(list, 0), "seq")) == 3);
    json_decref(list);
    EXPECT(sqlite3_exec(s.db, "DELETE FROM audit", NULL, NULL, NULL) != SQLITE_OK);
    EXPECT(sqlite3_exec(s.db, "UPDATE audit SET row = ''", NULL, NULL, NULL) != SQLITE_OK);
    EXPECT(audit_verify(&s, &n, hash) == 0 && n == 5 && !strcmp(hash, before));
    check(!sqlite3_exec(s.db,
                        "DROP TRIGGER audit_fixed; UPDATE audit SET row = replace(row, "
                        "'\"revision\":2', '\"revision\":9')",
                        NULL, NULL, NULL));
    EXPECT(audit_verify(&s, &n, hash) == -EBADMSG && n == 2);
    store_close(&s);
    leave();
}

TEST("without a database every question has an answer, and no change is taken")
{
    struct audit_row row = {.actor = "me", .action = "test", .object = "it", .result = "done"};
    struct store_revision r = {.number = 1,
                               .actor = (char *)(uintptr_t) "a",
                               .comment = (char *)(uintptr_t) "",
                               .document = (char *)(uintptr_t) "{}"};
    struct store s = {0};
    struct err e;
    uint64_t n;
    char hash[65];

    enter();
    EXPECT(store_stage(&s, &r, &e) < 0 && audit_add(&s, &row, &e) < 0);
    EXPECT(store_last(&s) == 0 && !store_list(&s, 0, 5) && !audit_list(&s, 0, 5));
    EXPECT(audit_verify(&s, &n, hash) < 0 && store_set(&s, "a", "b") < 0 &&
           !store_setting(&s, "a"));
    leave();
}

int main(void)
{
    log_init("test", LOG_ERROR + 1);
    return test_run();
}
