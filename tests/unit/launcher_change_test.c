/* change: is a revision taken by all or by none, whoever refuses, dies or sleeps? */
#include "tests/unit/launcher_fleet.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dataplane/base/log.h"
#include "mgmt/launcher/resume.h"

#define ANY "127.0.0.1:0"

static const enum role voters[] = {ROLE_KEYRING, ROLE_HANDSHAKE, ROLE_JUDGE, ROLE_DATAPLANE};

static void expect_aborted(struct fake *k, const struct child *but)
{
    for (size_t i = 0; i < 4; i++) {
        struct child *c = fake_child(k, voters[i]);

        EXPECT(c == but || fake_last(k, c) == CONTROL_ABORT);
        EXPECT(c->vote == VOTE_NONE);
    }
    EXPECT(fake_last(k, fake_child(k, ROLE_MGMT)) == CONTROL_REFUSED);
    EXPECT(k->change.phase == CHANGE_IDLE);
    EXPECT(!k->change.pending);
}

TEST("keyring, handshake and judge commit before the data plane, and mgmt hears of it last")
{
    struct fake k;
    uint64_t revision;

    fake_init(&k, 1);
    revision = fake_propose(&k, ANY);
    EXPECT(revision == 1);
    for (size_t i = 0; i < 4; i++)
        EXPECT(fake_last(&k, fake_child(&k, voters[i])) == CONTROL_PREPARE);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == CONTROL_LOAD);
    fake_prepare_all(&k, revision);
    for (size_t i = 0; i < 3; i++)
        EXPECT(fake_last(&k, fake_child(&k, voters[i])) == CONTROL_COMMIT);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_DATAPLANE)) == 0);
    for (size_t i = 0; i < 3; i++) {
        EXPECT(fake_last(&k, fake_child(&k, ROLE_DATAPLANE)) == 0);
        EXPECT(change_committed(&k.change, fake_child(&k, voters[i]), revision, k.now_ms) == 0);
        change_tick(&k.change, k.now_ms);
    }
    EXPECT(fake_last(&k, fake_child(&k, ROLE_DATAPLANE)) == CONTROL_COMMIT);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == 0);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_NONE);
    EXPECT(change_committed(&k.change, fake_child(&k, ROLE_DATAPLANE), revision, k.now_ms) == 0);
    change_tick(&k.change, k.now_ms);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == CONTROL_APPLIED);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_APPLIED);
    EXPECT(k.change.running && k.change.running->number == revision);
    fake_fini(&k);
}

TEST("nobody commits while one voter has not prepared, whichever it is")
{
    for (size_t missing = 0; missing < 4; missing++) {
        struct fake k;
        uint64_t revision;

        fake_init(&k, 1);
        revision = fake_propose(&k, ANY);
        for (size_t i = 0; i < 4; i++) {
            if (i != missing)
                EXPECT(change_prepared(&k.change, fake_child(&k, voters[i]), revision, k.now_ms) ==
                       0);
        }
        change_tick(&k.change, k.now_ms);
        EXPECT(k.change.phase == CHANGE_PREPARING);
        for (size_t i = 0; i < 4; i++)
            EXPECT(fake_last(&k, fake_child(&k, voters[i])) == CONTROL_PREPARE);
        fake_fini(&k);
    }
}

TEST("one refusal aborts everywhere, mgmt gets the reason, and the old revision runs on")
{
    for (size_t who = 0; who < 4; who++) {
        struct control_refused no;
        struct fake k;
        struct err e;

        fake_init(&k, 1);
        fake_run(&k, ANY);
        no.revision = fake_propose(&k, ANY);
        err_set(&no.err, -EINVAL, "/identities/gw/key", "another", "wrong key");
        EXPECT(change_prepared(&k.change, fake_child(&k, voters[(who + 1) % 4]), no.revision,
                               k.now_ms) == 0);
        EXPECT(change_refused(&k.change, fake_child(&k, voters[who]), &no) == 0);
        EXPECT(fake_outcome(&k, &e) == OUTCOME_REFUSED);
        EXPECT(!strcmp(e.where, "/identities/gw/key"));
        expect_aborted(&k, NULL);
        EXPECT(k.change.running->number == 1);
        fake_fini(&k);
    }
}

TEST("a process that dies while it prepares aborts the change, if there is one to fall back on")
{
    for (size_t who = 0; who < 4; who++) {
        struct child *c;
        struct fake k;

        fake_init(&k, 1);
        fake_run(&k, ANY);
        fake_propose(&k, ANY);
        c = fake_child(&k, voters[who]);
        fake_die(&k, c);
        EXPECT(fake_outcome(&k, NULL) == OUTCOME_FAILED);
        expect_aborted(&k, c);
        fake_fini(&k);
    }
}

TEST("the first revision waits for the next process when one dies, and asks only that one again")
{
    struct child *keyring;
    uint64_t revision;
    struct fake k;

    fake_init(&k, 1);
    revision = fake_propose(&k, ANY);
    keyring = fake_child(&k, ROLE_KEYRING);
    for (size_t i = 0; i < 4; i++)
        fake_last(&k, fake_child(&k, voters[i]));
    EXPECT(change_prepared(&k.change, fake_child(&k, ROLE_JUDGE), revision, k.now_ms) == 0);
    fake_die(&k, keyring);
    EXPECT(k.change.phase == CHANGE_PREPARING);
    fake_start(&k, keyring);
    resume_begin(keyring, k.change.running, k.now_ms);
    change_tick(&k.change, k.now_ms);
    EXPECT(fake_last(&k, keyring) == CONTROL_PREPARE);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_JUDGE)) == 0);
    EXPECT(fake_child(&k, ROLE_JUDGE)->vote == VOTE_PREPARED);
    EXPECT(change_prepared(&k.change, keyring, revision, k.now_ms) == 0);
    EXPECT(change_prepared(&k.change, fake_child(&k, ROLE_HANDSHAKE), revision, k.now_ms) == 0);
    EXPECT(change_prepared(&k.change, fake_child(&k, ROLE_DATAPLANE), revision, k.now_ms) == 0);
    change_tick(&k.change, k.now_ms);
    fake_commit_all(&k, revision);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_APPLIED);
    fake_fini(&k);
}

TEST(
    "a process that dies after the point of no return is not waited for, and gets the new revision")
{
    for (size_t who = 0; who < 4; who++) {
        struct child *c;
        struct fake k;

        fake_init(&k, 1);
        fake_run(&k, ANY);
        fake_propose(&k, ANY);
        fake_prepare_all(&k, 2);
        c = fake_child(&k, voters[who]);
        fake_die(&k, c);
        change_tick(&k.change, k.now_ms);
        fake_start(&k, c);
        resume_begin(c, k.change.running, k.now_ms);
        EXPECT(fake_last(&k, c) == CONTROL_PREPARE);
        EXPECT(change_prepared(&k.change, c, 2, k.now_ms) == 0);
        EXPECT(fake_last(&k, c) == CONTROL_COMMIT);
        for (size_t i = 0; i < 4; i++)
            EXPECT(change_committed(&k.change, fake_child(&k, voters[i]), 2, k.now_ms) == 0 ||
                   voters[i] == ROLE_DATAPLANE);
        change_tick(&k.change, k.now_ms);
        if (k.change.phase == CHANGE_SWITCHING)
            EXPECT(change_committed(&k.change, fake_child(&k, ROLE_DATAPLANE), 2, k.now_ms) == 0);
        change_tick(&k.change, k.now_ms);
        EXPECT(fake_outcome(&k, NULL) == OUTCOME_APPLIED);
        EXPECT(k.change.running->number == 2);
        fake_fini(&k);
    }
}

TEST("a change is given up when preparing takes longer than its deadline, and not a moment before")
{
    struct fake k;

    fake_init(&k, 1);
    fake_run(&k, ANY);
    fake_propose(&k, ANY);
    change_tick(&k.change, k.now_ms + CHANGE_PREPARE_MS - 1);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_NONE);
    change_tick(&k.change, k.now_ms + CHANGE_PREPARE_MS);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_FAILED);
    expect_aborted(&k, NULL);
    fake_fini(&k);
}

TEST("a change is given up when mgmt does not compile it in time, or dies over it")
{
    struct fake k;

    fake_init(&k, 1);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    change_tick(&k.change, k.now_ms + CHANGE_LOAD_MS);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_FAILED);
    EXPECT(k.change.phase == CHANGE_IDLE);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    fake_die(&k, fake_child(&k, ROLE_MGMT));
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_FAILED);
    EXPECT(k.change.phase == CHANGE_IDLE);
    fake_fini(&k);
}

TEST("a process that does not commit in time is killed")
{
    struct child *judge;
    struct fake k;
    int status = 0;

    fake_init(&k, 1);
    fake_propose(&k, ANY);
    judge = fake_child(&k, ROLE_JUDGE);
    judge->pid = fork();
    if (!judge->pid) {
        pause();
        _exit(0);
    }
    fake_prepare_all(&k, 1);
    EXPECT(change_committed(&k.change, fake_child(&k, ROLE_KEYRING), 1, k.now_ms) == 0);
    EXPECT(change_committed(&k.change, fake_child(&k, ROLE_HANDSHAKE), 1, k.now_ms) == 0);
    change_tick(&k.change, k.now_ms + CHANGE_COMMIT_MS - 1);
    EXPECT(waitpid(judge->pid, &status, WNOHANG) == 0);
    change_tick(&k.change, k.now_ms + CHANGE_COMMIT_MS);
    EXPECT(waitpid(judge->pid, &status, 0) == judge->pid);
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    judge->pid = 0;
    fake_fini(&k);
}

TEST("what mgmt rejects ends there: nobody was asked, and mgmt is not told what it said")
{
    struct control_refused no = {.revision = 1};
    struct fake k;
    struct err e;

    fake_init(&k, 1);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    err_set(&no.err, -EINVAL, "/links/a", "a link", "no link");
    change_reject(&k.change, &no);
    EXPECT(fake_outcome(&k, &e) == OUTCOME_REFUSED);
    EXPECT(!strcmp(e.where, "/links/a"));
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == CONTROL_LOAD);
    for (size_t i = 0; i < 4; i++)
        EXPECT(fake_last(&k, fake_child(&k, voters[i])) == 0);
    fake_fini(&k);
}

TEST("answers to an aborted change are dropped, answers to what was never asked break the protocol")
{
    struct control_refused never = {.revision = BAD_REVISION}, late = {.revision = 2};
    struct child *judge;
    struct fake k;

    fake_init(&k, 1);
    fake_run(&k, ANY);
    fake_propose(&k, ANY);
    change_tick(&k.change, k.now_ms + CHANGE_PREPARE_MS);
    judge = fake_child(&k, ROLE_JUDGE);
    EXPECT(change_prepared(&k.change, judge, 2, k.now_ms) == 0);
    EXPECT(change_refused(&k.change, judge, &late) == 0);
    EXPECT(k.change.phase == CHANGE_IDLE);
    EXPECT(change_prepared(&k.change, judge, BAD_REVISION, k.now_ms) == -EPROTO);
    EXPECT(change_refused(&k.change, judge, &never) == -EPROTO);
    EXPECT(change_committed(&k.change, judge, 1, k.now_ms) == -EPROTO);
    fake_fini(&k);
}

TEST("an incomplete, a foreign or an unsealed image is refused before anybody is asked")
{
    struct fake k;
    struct err e;

    fake_init(&k, 1);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    EXPECT(fake_attach(&k, 1, ATTACH_IMAGE_KEYRING, memfd_seal("k", "k", 1)) == 0);
    EXPECT(change_start(&k.change, 1, k.now_ms) == 0);
    EXPECT(fake_outcome(&k, &e) == OUTCOME_REFUSED);
    EXPECT(strstr(e.what, "incomplete") != NULL);

    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    EXPECT(fake_attach(&k, 2, ATTACH_IMAGE_KEYRING, memfd_seal("k", "k", 1)) == 0);
    EXPECT(fake_attach(&k, 2, ATTACH_IMAGE_HANDSHAKE, memfd_seal("k", "k", 1)) == 0);
    EXPECT(fake_attach(&k, 2, ATTACH_IMAGE_DATAPLANE, fake_image(1, ANY, "unix:/b")) == 0);
    EXPECT(change_start(&k.change, 2, k.now_ms) == 0);
    EXPECT(fake_outcome(&k, &e) == OUTCOME_REFUSED);
    EXPECT(strstr(e.what, "can not be read") != NULL);

    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    EXPECT(fake_attach(&k, 3, ATTACH_IMAGE_KEYRING, memfd_seal("k", "k", 1)) == 0);
    EXPECT(fake_attach(&k, 3, ATTACH_IMAGE_HANDSHAKE, memfd_seal("k", "k", 1)) == 0);
    EXPECT(fake_attach(&k, 3, ATTACH_IMAGE_DATAPLANE, memfd_create("open", MFD_CLOEXEC)) == 0);
    EXPECT(change_start(&k.change, 3, k.now_ms) == 0);
    EXPECT(fake_outcome(&k, &e) == OUTCOME_REFUSED);
    EXPECT(strstr(e.what, "can not be read") != NULL);
    for (size_t i = 0; i < 4; i++)
        EXPECT(fake_last(&k, fake_child(&k, voters[i])) == 0);
    fake_fini(&k);
}

TEST("the first revision after a start has the number that mgmt gives it, later ones have ours")
{
    struct fake k;
    char text[16] = "";

    fake_init(&k, 1);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    EXPECT(fake_attach(&k, 57, ATTACH_TEXT, memfd_seal("text", "{\"a\":1}", 7)) == 0);
    fake_attach_all(&k, 57, ANY);
    EXPECT(change_start(&k.change, 57, k.now_ms) == 0);
    change_tick(&k.change, k.now_ms);
    fake_prepare_all(&k, 57);
    fake_commit_all(&k, 57);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_APPLIED);
    EXPECT(k.change.running->number == 57 && k.change.next_revision == 58);
    EXPECT(pread(k.change.running->text, text, sizeof text - 1, 0) == 7);
    EXPECT(!strcmp(text, "{\"a\":1}"));
    fake_settle(&k);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    EXPECT(k.change.pending->number == 58);
    EXPECT(fake_attach(&k, 60, ATTACH_TEXT, memfd_seal("text", "{}", 2)) == 0); /* dropped */
    EXPECT(k.change.pending->number == 58);
    fake_fini(&k);
}

TEST("attachments of illegal kinds, twice the same, or keys nobody opened break the protocol")
{
    struct control_attach key = {.revision = 1, .kind = ATTACH_KEY, .token = 5};
    struct fake k;

    fake_init(&k, 1);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    EXPECT(fake_attach(&k, 1, ATTACH_LISTENER, memfd_seal("k", "k", 1)) == -EPROTO);
    EXPECT(fake_attach(&k, 1, 77, memfd_seal("k", "k", 1)) == -EPROTO);
    EXPECT(fake_attach(&k, 1, ATTACH_KEK, memfd_seal("k", "k", 1)) == -EPROTO);
    EXPECT(fake_attach(&k, 1, ATTACH_WRAP, memfd_seal("k", "k", 1)) == -EPROTO);
    EXPECT(fake_attach(&k, 1, ATTACH_KEY, memfd_seal("k", "k", 1)) == 0);
    EXPECT(fake_attach(&k, 1, ATTACH_KEY, memfd_seal("k", "k", 1)) == -EPROTO);
    EXPECT(fake_attach(&k, 1, ATTACH_IMAGE_KEYRING, memfd_seal("k", "k", 1)) == 0);
    EXPECT(fake_attach(&k, 1, ATTACH_IMAGE_KEYRING, memfd_seal("k", "k", 1)) == -EPROTO);
    EXPECT(change_attach(&k.change, &key, -1, k.now_ms) == -EPROTO);
    fake_fini(&k);
}

/* The inode of the first listening socket that the data plane is given. */
static ino_t given_socket(struct fake *k)
{
    struct control_attach a;
    struct chan_msg m;
    ino_t found = 0;

    while (fake_next(k, fake_child(k, ROLE_DATAPLANE), &m)) {
        struct stat st;

        if (m.type == CONTROL_ATTACH && !control_get_attach(&m.body, &a) &&
            a.kind == ATTACH_LISTENER && a.index == 0 && !fstat(m.fds[0], &st))
            found = st.st_ino;
        chan_msg_close_fds(&m);
    }
    return found;
}

TEST("a listener whose address stays is the same socket in the next revision")
{
    ino_t before, after, other;
    struct fake k;

    fake_init(&k, 1);
    fake_propose(&k, ANY);
    before = given_socket(&k);
    EXPECT(before != 0);
    fake_prepare_all(&k, 1);
    fake_commit_all(&k, 1);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_APPLIED);
    fake_settle(&k);
    fake_propose(&k, ANY);
    after = given_socket(&k);
    EXPECT(after == before);
    fake_prepare_all(&k, 2);
    fake_commit_all(&k, 2);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_APPLIED);
    fake_propose(&k, "127.0.0.2:0");
    other = given_socket(&k);
    EXPECT(other != 0 && other != before);
    fake_fini(&k);
}

TEST("an address in use is refused with the link's pointer, and the change ends")
{
    struct sockaddr_in taken = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    socklen_t len = sizeof(taken);
    char text[64];
    struct fake k;
    struct err e;

    /* Even one that would share its port. */
    EXPECT(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
    EXPECT(bind(fd, (struct sockaddr *)&taken, len) == 0 && listen(fd, 1) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&taken, &len) == 0);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(taken.sin_port));
    fake_init(&k, 1);
    fake_propose(&k, text);
    EXPECT(fake_outcome(&k, &e) == OUTCOME_REFUSED);
    EXPECT(!strcmp(e.where, "/links/a/listen/address"));
    EXPECT(strstr(e.what, text) && strstr(e.what, "in use"));
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == CONTROL_REFUSED);
    fake_fini(&k);
    close(fd);
}

TEST("mgmt may open a change of its own when none is under way, and is refused when one is")
{
    struct fake k;

    fake_init(&k, 1);
    fake_run(&k, ANY);
    fake_attach_all(&k, 5, ANY);
    EXPECT(change_start(&k.change, 5, k.now_ms) == 0);
    change_tick(&k.change, k.now_ms);
    fake_prepare_all(&k, 5);
    fake_commit_all(&k, 5);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_APPLIED);
    EXPECT(k.change.running->number == 5);
    EXPECT(k.change.running->text >= 0);
    fake_settle(&k);
    change_load(&k.change, "test.json", memfd_seal("text", "{}", 2), k.now_ms);
    EXPECT(k.change.pending->number == 6);
    fake_attach_all(&k, 9, ANY);
    EXPECT(change_start(&k.change, 9, k.now_ms) == 0);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == CONTROL_REFUSED);
    EXPECT(k.change.phase == CHANGE_LOADING && k.change.pending->number == 6);
    fake_fini(&k);
}

TEST("before the first revision mgmt can not start a change that nobody asked for")
{
    struct fake k;

    fake_init(&k, 1);
    fake_child(&k, ROLE_MGMT)->told = true;
    fake_attach_all(&k, 1, ANY);
    EXPECT(change_start(&k.change, 1, k.now_ms) == 0);
    EXPECT(k.change.phase == CHANGE_IDLE);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == CONTROL_REFUSED);
    fake_fini(&k);
}

TEST("unix targets of the running and the prior revision may be dialled, and no others")
{
    struct addr backend, other;
    struct fake k;

    fake_init(&k, 1);
    EXPECT(addr_parse(&backend, "unix:/run/backend") == 0);
    EXPECT(addr_parse(&other, "unix:/run/other") == 0);
    EXPECT(!holding_has_target(k.change.running, &backend));
    fake_run(&k, ANY);
    EXPECT(holding_has_target(k.change.running, &backend));
    EXPECT(!holding_has_target(k.change.running, &other));
    fake_run(&k, ANY);
    EXPECT(holding_has_target(k.change.prior, &backend));
    EXPECT(k.change.prior->listeners.n == 0);
    fake_fini(&k);
}

int main(void)
{
    log_init("test", LOG_ERROR);
    return test_run();
}
