/* launcher: which PKCS#11 modules may be loaded, who gets a PIN, and do token processes come and go
 * with the revisions that name them? */
#include "tests/unit/launcher_fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "mgmt/launcher/args.h"
#include "mgmt/launcher/modules.h"
#include "mgmt/launcher/resume.h"

#define ANY      "127.0.0.1:0"
#define LIBC_DIR "/usr/lib/" MODULES_TRIPLET

static const char *scratch(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/tmp/penstock-test-XXXXXX");
    EXPECT(mkdtemp(path) != NULL);
    return path;
}

static void remove_all(const char *path)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", path);
    EXPECT(system(command) == 0);
}

static void write_at(const char *dir, const char *name, const char *text)
{
    char path[128];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static int find(const struct modules *m, const char *query, char *out)
{
    char text[512];
    struct pkcs11_uri u;

    snprintf(text, sizeof(text), "pkcs11:object=a?%s", query);
    EXPECT(pkcs11_parse(&u, text, "", NULL) == 0);
    return modules_find(m, &u, out);
}

TEST("a module is root's own file in a place of packages, found by path or name")
{
    static const struct modules by_place;
    const char *dir = scratch();
    char query[256], out[PATH_MAX];

    EXPECT(find(&by_place, "module-path=" LIBC_DIR "/libc.so.6", out) == 0);
    EXPECT(!strcmp(out, LIBC_DIR "/libc.so.6"));
    EXPECT(find(&by_place, "module-path=/lib/" MODULES_TRIPLET "/libc.so.6", out) == 0);
    EXPECT(find(&by_place, "module-path=/usr/lib/none.so", out) == -ELIBBAD);
    EXPECT(find(&by_place, "module-path=/usr/lib", out) == -ELIBBAD);
    EXPECT(find(&by_place, "module-path=/etc/passwd", out) == -ELIBACC);
    EXPECT(find(&by_place, "module-path=/usr/lib/../../etc/passwd", out) == -ELIBACC);
    EXPECT(find(&by_place, "module-name=no-such-module", out) == -ELIBBAD);
    write_at(dir, "m.so", "x");
    snprintf(query, sizeof(query), "module-path=%s/m.so", dir);
    EXPECT(find(&by_place, query, out) == -ELIBACC);
    remove_all(dir);
}

TEST("with a list, only what is on it may be loaded, under whatever name it is reached")
{
    const char *dir = scratch();
    char path[128], query[256], out[PATH_MAX];
    struct modules listed = {.allowed = {path}, .n_allowed = 1};

    snprintf(path, sizeof(path), "%s/m.so", dir);
    write_at(dir, "m.so", "x");
    snprintf(query, sizeof(query), "module-path=%s/../%s/m.so", dir, strrchr(dir, '/') + 1);
    EXPECT(find(&listed, query, out) == 0 && !strcmp(out, path));
    EXPECT(find(&listed, "module-path=" LIBC_DIR "/libc.so.6", out) == -ELIBACC);
    remove_all(dir);
}

static int parse(struct args *a, size_t n, const char *const *argv, char *error)
{
    return args_parse(a, (int)n, (char *const *)(uintptr_t)argv, error, 256);
}

TEST("the command line lists modules, places and variables, sixteen of each, and no LD_ variable")
{
    const char *many[3 + 2 * (MODULES_MAX + 1) + 2] = {"penstockd", "--config=c", "--state=s"};
    const char *good[] = {"penstockd", "--config=c",    "--state=s", "--token-module",
                          "/a.so",     "--token-files", "/b",        "--token-env=A=b"};
    struct args args;
    char error[256];
    size_t n = 3;

    EXPECT(parse(&args, ARRAY_LEN(good), good, error) == 0);
    EXPECT(args.modules.n_allowed == 1 && !strcmp(args.modules.allowed[0], "/a.so"));
    EXPECT(args.modules.n_files == 1 && !strcmp(args.modules.files[0], "/b"));
    EXPECT(args.modules.n_variables == 1 && !strcmp(args.modules.variables[0], "A=b"));
    EXPECT(parse(&args, 3, good, error) == 0);
    EXPECT(args.modules.n_files == 1 && !strcmp(args.modules.files[0], "/var/lib/softhsm"));
    good[4] = "a.so";
    EXPECT(parse(&args, ARRAY_LEN(good), good, error) == -EINVAL);
    EXPECT(strstr(error, "absolute path") != NULL);
    for (int i = 0; i <= MODULES_MAX; i++) {
        many[n++] = "--token-module";
        many[n++] = "/a.so";
    }
    EXPECT(parse(&args, n - 2, many, error) == 0);
    EXPECT(parse(&args, n, many, error) == -EINVAL);
    EXPECT(modules_check_variable("LD_PRELOAD=/x") && modules_check_variable("A") &&
           modules_check_variable("=x") && modules_check_variable("A B=c"));
    EXPECT(!modules_check_variable("SOFTHSM2_CONF=/etc/x y=z"));
}

static int open_uri(struct files *f, uint32_t token, const char *rest)
{
    struct control_open m = {.token = token, .kind = OPEN_TOKEN};
    int fd = 77, rc;

    snprintf(m.path, sizeof(m.path), "pkcs11:object=a?module-path=" LIBC_DIR "/libc.so.6%s", rest);
    rc = files_open(f, &m, &fd);
    EXPECT(rc || fd == -1);
    return rc;
}

/* The PIN in what is kept under a token. */
static bool has_pin(struct files *f, uint32_t token, const char *pin)
{
    const void *data;
    struct token_key k;
    struct buf b;
    size_t n;
    bool same = false;

    if (memfd_map(files_key(f, token, 1), 4096, &data, &n))
        return false;
    buf_init_read(&b, data, n);
    if (!token_key_get(&b, &k))
        same = k.n_pin == strlen(pin) && !memcmp(k.pin, pin, k.n_pin);
    munmap((void *)(uintptr_t)data, n);
    return same;
}

TEST("a PIN is one line of a file, is sealed with its URI, and no descriptor of it goes to mgmt")
{
    const char *dir = scratch();
    char config[128], big[PKCS11_PIN_MAX + 3];
    struct files f;

    files_init(&f);
    write_at(dir, "c.json", "{}");
    snprintf(config, sizeof(config), "%s/c.json", dir);
    close(files_read_config(&f, config));
    write_at(dir, "pin", "12 34\n");
    EXPECT(open_uri(&f, 1, "&pin-source=file:pin") == 0 && has_pin(&f, 1, "12 34"));
    EXPECT(!strcmp(files_module(&f, 1), LIBC_DIR "/libc.so.6"));
    write_at(dir, "pin", "1234\r\n\n");
    EXPECT(open_uri(&f, 1, "&pin-source=pin") == 0 && has_pin(&f, 1, "1234"));
    EXPECT(open_uri(&f, 2, "") == 0 && has_pin(&f, 2, ""));
    EXPECT(files_module(&f, 3) == NULL);
    write_at(dir, "pin", "");
    EXPECT(open_uri(&f, 3, "&pin-source=pin") == -ERANGE);
    write_at(dir, "pin", "12\n34\n");
    EXPECT(open_uri(&f, 3, "&pin-source=pin") == -ERANGE);
    memset(big, 'x', sizeof(big));
    big[PKCS11_PIN_MAX] = '\0';
    write_at(dir, "pin", big);
    EXPECT(open_uri(&f, 3, "&pin-source=pin") == 0 && has_pin(&f, 3, big));
    big[PKCS11_PIN_MAX] = 'x';
    big[PKCS11_PIN_MAX + 1] = '\0';
    write_at(dir, "pin", big);
    EXPECT(open_uri(&f, 4, "&pin-source=pin") == -ERANGE);
    EXPECT(open_uri(&f, 4, "&pin-source=none") == -ENOENT);
    EXPECT(open_uri(&f, 4, "&pin-value=1") == -EINVAL);
    files_fini(&f);
    remove_all(dir);
}

/* ---- the processes ---- */

static struct child *process(struct fake *k, unsigned slot)
{
    return fleet_find(&k->fleet, ROLE_TOKEN, slot);
}

static void attach_token(struct fake *k, uint64_t revision, uint32_t index, const char *module)
{
    int fd = memfd_seal("token", "pin", 3);

    EXPECT(k->change.pending && k->change.pending->number == revision);
    EXPECT(holding_attach_token(k->change.pending, index, fd, module) == 0);
    close(fd);
}

/* LOAD and APPLY of a revision with one key in each of these modules. */
static uint64_t propose(struct fake *k, const char *const *modules, unsigned n)
{
    uint64_t revision = k->change.next_revision;

    change_load(&k->change, "test.json", memfd_seal("text", "{}", 2), k->now_ms);
    fake_attach_all(k, revision, ANY);
    for (unsigned i = 0; i < n; i++)
        attach_token(k, revision, i, modules[i]);
    EXPECT(change_start(&k->change, revision, k->now_ms) == 0);
    change_tick(&k->change, k->now_ms);
    return revision;
}

/* It was started and is ready. */
static void come_up(struct fake *k, struct child *c)
{
    fake_start(k, c);
    resume_begin(c, k->change.running, k->now_ms);
    change_tick(&k->change, k->now_ms);
}

struct seen {
    unsigned slots, keys, flags;
    bool prepare;
};

/* What a child was handed. */
static struct seen look(struct fake *k, struct child *c)
{
    struct seen s = {0};
    struct control_attach a;
    struct chan_msg m;

    while (fake_next(k, c, &m)) {
        if (m.type == CONTROL_ATTACH && !control_get_attach(&m.body, &a)) {
            s.slots += a.kind == ATTACH_TOKEN_SLOT && !m.n_fds;
            s.keys += a.kind == ATTACH_TOKEN_KEY && m.n_fds == 1;
            if (a.kind == ATTACH_TOKEN_KEY)
                s.flags |= a.token;
        }
        s.prepare |= m.type == CONTROL_PREPARE;
        chan_msg_close_fds(&m);
    }
    return s;
}

static void run(struct fake *k, const char *const *modules, unsigned n)
{
    struct change_outcome o = {0};
    uint64_t revision = propose(k, modules, n);

    for (unsigned i = 0; i < n; i++) {
        if (process(k, i)->stage == STAGE_DOWN)
            come_up(k, process(k, i));
    }
    for (unsigned i = 0; i < k->fleet.n; i++) {
        if (k->fleet.children[i].vote == VOTE_ASKED)
            EXPECT(change_prepared(&k->change, &k->fleet.children[i], revision, k->now_ms) == 0);
    }
    change_tick(&k->change, k->now_ms);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < k->fleet.n; i++) {
            if (k->fleet.children[i].vote == VOTE_COMMITTING)
                EXPECT(change_committed(&k->change, &k->fleet.children[i], revision, k->now_ms) ==
                       0);
        }
        change_tick(&k->change, k->now_ms);
    }
    EXPECT(change_take_outcome(&k->change, &o) && o.kind == OUTCOME_APPLIED);
}

static const char *const two[] = {"/m/a.so", "/m/b.so"};

TEST("each module has a process, which gets its own keys alone; the keyring hears where they are")
{
    static const char *const three[] = {"/m/a.so", "/m/b.so", "/m/a.so"};
    struct seen keyring, first, second;
    struct fake k;

    fake_init(&k, 1);
    propose(&k, three, 3);
    EXPECT(!strcmp(process(&k, 0)->module, "/m/a.so") &&
           !strcmp(process(&k, 1)->module, "/m/b.so"));
    EXPECT(!child_wanted(process(&k, 2)));
    EXPECT(k.change.phase == CHANGE_PREPARING);
    come_up(&k, process(&k, 0));
    come_up(&k, process(&k, 1));
    keyring = look(&k, fake_child(&k, ROLE_KEYRING));
    first = look(&k, process(&k, 0));
    second = look(&k, process(&k, 1));
    EXPECT(keyring.slots == 3 && keyring.keys == 0 && keyring.prepare);
    EXPECT(first.keys == 2 && first.slots == 0 && first.prepare && first.flags == 0);
    EXPECT(second.keys == 1 && second.prepare);
    fake_fini(&k);
}

TEST("nobody commits before the token processes have prepared, and one refusal is everybody's")
{
    struct control_refused no = {0};
    struct change_outcome o = {0};
    struct fake k;

    fake_init(&k, 1);
    no.revision = propose(&k, two, 1);
    fake_prepare_all(&k, no.revision);
    EXPECT(k.change.phase == CHANGE_PREPARING);
    come_up(&k, process(&k, 0));
    err_set(&no.err, -EACCES, "/identities/gw/key", "mend it", "the token refuses the PIN");
    EXPECT(change_refused(&k.change, process(&k, 0), &no) == 0);
    EXPECT(change_take_outcome(&k.change, &o) && o.kind == OUTCOME_REFUSED);
    EXPECT(!strcmp(o.err.where, "/identities/gw/key"));
    EXPECT(!child_wanted(process(&k, 0)) && process(&k, 0)->control < 0);
    fake_fini(&k);
}

TEST("a process that comes back hears that the revision runs, and which PIN was refused")
{
    struct seen s;
    struct fake k;

    fake_init(&k, 1);
    run(&k, two, 2);
    fake_settle(&k);
    fake_die(&k, process(&k, 1));
    come_up(&k, process(&k, 1));
    s = look(&k, process(&k, 1));
    EXPECT(s.keys == 1 && s.flags == TOKEN_KEY_RUNS);
    holding_pin_refused(k.change.running, 1, 1);
    holding_pin_refused(k.change.running, 1, 0); /* not of this process: it says nothing of it */
    fake_die(&k, process(&k, 1));
    come_up(&k, process(&k, 1));
    EXPECT(look(&k, process(&k, 1)).flags == (TOKEN_KEY_RUNS | TOKEN_KEY_REFUSED));
    fake_die(&k, process(&k, 0));
    come_up(&k, process(&k, 0));
    EXPECT(look(&k, process(&k, 0)).flags == TOKEN_KEY_RUNS);
    fake_fini(&k);
}

TEST("a process outlives its last revision by one, for handshakes that began on it, and is asked "
     "no more")
{
    struct fake k;

    fake_init(&k, 1);
    run(&k, two, 2);
    fake_settle(&k);
    run(&k, two, 1);
    EXPECT(child_wanted(process(&k, 1)) && process(&k, 1)->stage == STAGE_SERVING);
    EXPECT(!look(&k, process(&k, 1)).prepare);
    run(&k, two, 1);
    EXPECT(!child_wanted(process(&k, 1)) && process(&k, 1)->control < 0);
    EXPECT(child_wanted(process(&k, 0)));
    fake_fini(&k);
}

TEST("a ninth module is refused, and what was wanted for it goes")
{
    static const char *const nine[] = {"/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"};
    struct change_outcome o = {0};
    struct fake k;

    fake_init(&k, 1);
    propose(&k, nine, 9);
    EXPECT(change_take_outcome(&k.change, &o) && o.kind == OUTCOME_REFUSED);
    EXPECT(strstr(o.err.what, "more than 8") != NULL);
    for (unsigned i = 0; i < CONTROL_TOKENS_MAX; i++)
        EXPECT(!child_wanted(process(&k, i)));
    propose(&k, nine, 8);
    EXPECT(k.change.phase == CHANGE_PREPARING);
    fake_fini(&k);
}

TEST("token processes that nobody wants cost no wake-up and hold up nothing")
{
    const char *program = NULL;
    struct fake k;

    fake_init(&k, 1);
    EXPECT(fleet_next_ms(&k.fleet, 123456) == 123456);
    EXPECT(fleet_start_due(&k.fleet, k.now_ms, &program) == 0 && !program);
    EXPECT(fleet_all_serve(&k.fleet));
    fake_fini(&k);
}

int main(void)
{
    log_init("launcher", LOG_ERROR);
    return test_run();
}
